// Subscribes with pubsubhubbub (npm) and prints what happens, a line of JSON each.
//
// usage: node subscribe.mjs TOPIC HUB
import crypto from "node:crypto";
import http from "node:http";
import pubsub from "pubsubhubbub";

const [topic, hub] = process.argv.slice(2);
const say = (event, more) => console.log(JSON.stringify({ event, ...more }));
const probe = http.createServer().listen(0, "127.0.0.1", () => {
  const { port } = probe.address();
  probe.close(() => {
    const secret = "a secret of ours";
    const subscriber = pubsub.createServer({ callbackUrl: `http://127.0.0.1:${port}/callback`, secret });
    subscriber.on("subscribe", ({ topic, lease }) => say("subscribed", { topic, lease }));
    subscriber.on("denied", ({ error }) => say("denied", { reason: String(error) }));
    subscriber.on("error", (error) => say("error", { reason: String(error) }));
    // Only documents with the right signature arrive here.
    subscriber.on("feed", ({ topic, feed, headers }) =>
      say("feed", { topic, body: feed.toString(), type: headers["content-type"], signature: headers["x-hub-signature"].split("=")[0] }));
    subscriber.on("listen", () => {
      subscriber.subscribe(topic, hub);
      // Version 1.0.2 tells the hub this secret, but checks signatures with the other one.
      subscriber.secret = crypto.createHmac("sha1", secret).update(topic).digest("hex");
    });
    subscriber.listen(port, "127.0.0.1");
  });
});
