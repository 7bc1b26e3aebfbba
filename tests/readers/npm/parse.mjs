// Reads every feed below a folder with parsers of the JavaScript world and demands the story that feed.json tells.
//
// usage: node parse.mjs FEEDS_DIR; exit 1 with every difference
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseFeed as rowan } from "@rowanmanning/feed-parser";
import { parseFeed as feedsmith } from "feedsmith";

const root = process.argv[2];
const faults = [];
let documents = 0;
let stories = 0;
const instant = (text) => (text ? Math.floor(new Date(text).getTime() / 1000) : null);
const names = (people) => (people ?? []).map((person) => (typeof person === "string" ? person : person.name)).filter(Boolean);

const decoded = (title) => title.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

// What each parser understood, in the same words.
const parsers = {
  feedsmith(text) {
    const { format, feed } = feedsmith(text);
    return (feed.items ?? feed.entries ?? []).map((item) => ({
      id: item.guid?.value ?? item.id,
      // It drops the type of Atom's titles, which are HTML if they look like markup.
      title: format === "atom" ? decoded(item.title?.value ?? item.title) : (item.title?.value ?? item.title),
      url: format === "atom" ? item.links.find((link) => link.rel === "alternate")?.href : (item.link ?? item.url),
      published: instant(item.pubDate ?? item.published ?? item.date_published),
      authors: names(item.dc?.creators ?? item.authors),
    }));
  },
  rowan(text) {
    return rowan(text).items.map((item) => ({
      id: item.id,
      title: item.title,
      url: item.url,
      published: instant(item.published),
      authors: names(item.authors),
    }));
  },
};

function truth(folder) {
  const feed = JSON.parse(readFileSync(join(folder, "feed.json"), "utf8"));
  return feed.items.map((item) => ({
    id: item.id,
    title: item.title,
    url: item.url,
    published: instant(item.date_published),
    authors: names(item.authors),
  }));
}

for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
  if (!["rss.xml", "atom.xml", "feed.json"].includes(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const place = relative(root, path);
  const text = readFileSync(path, "utf8");
  const wanted = truth(dirname(path));
  documents += 1;
  stories += wanted.length;
  for (const [name, parse] of Object.entries(parsers)) {
    if (name === "rowan" && entry.name === "feed.json") continue; // It reads XML alone.
    let found;
    try {
      found = parse(text);
    } catch (error) {
      faults.push(`${place}: ${name} refuses it: ${error.message}`);
      continue;
    }
    if (found.length !== wanted.length) faults.push(`${place}: ${name} finds ${found.length} stories, not ${wanted.length}`);
    wanted.forEach((story, at) => {
      for (const key of Object.keys(story)) {
        // It decodes entities once more than XML does, so that a title about `&nbsp;` loses it whatever we write.
        if (name === "rowan" && key === "title" && /&(#?\w+);/.test(story.title)) continue;
        const [left, right] = [JSON.stringify(found[at]?.[key]), JSON.stringify(story[key])];
        if (left !== right && !(key === "authors" && story.authors.length === 0)) {
          faults.push(`${place}: ${name}: ${story.id}: ${key}: ${left}, not ${right}`);
        }
      }
    });
  }
}
if (documents < 15) faults.push(`only ${documents} documents`);
faults.slice(0, 50).forEach((fault) => console.error(fault));
console.log(`${documents} documents, ${stories} stories, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
