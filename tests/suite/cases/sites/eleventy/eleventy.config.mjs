import { feedPlugin } from "@11ty/eleventy-plugin-rss";

export default function (eleventyConfig) {
  eleventyConfig.addPlugin(feedPlugin, {
    type: "rss",
    outputPath: "/feed.xml",
    collection: { name: "posts", limit: 20 },
    metadata: {
      language: "en",
      title: "Eleventy site",
      subtitle: "Posts of Eleventy",
      base: "https://eleventy.example/",
      author: { name: "Ada Quay" },
    },
  });
  eleventyConfig.addShortcode("image", (src) => `<img src="${src}">`);
  return { dir: { input: "content" } };
}
