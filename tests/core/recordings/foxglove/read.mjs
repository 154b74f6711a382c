// Reads a recording with Foxglove's own reader; prints, per topic, how many messages it has, a hash of their payloads
// in the order of their times, and the encodings and schema by which Foxglove chooses its panels.
//
// usage: node read.mjs FOLDER_WITH_NODE_MODULES FILE.mcap
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { createRequire } from "node:module";

const [folder, file] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { McapIndexedReader } = require("@mcap/core");
const { FileHandleReadable } = require("@mcap/nodejs");
const { loadDecompressHandlers } = require("@mcap/support");

const handle = await open(file, "r");
const reader = await McapIndexedReader.Initialize({
  readable: new FileHandleReadable(handle),
  decompressHandlers: await loadDecompressHandlers(),
});
const topics = {};
for await (const message of reader.readMessages()) {
  const channel = reader.channelsById.get(message.channelId);
  const schema = reader.schemasById.get(channel.schemaId);
  const found = (topics[channel.topic] ??= {
    count: 0,
    hash: createHash("sha256"),
    messageEncoding: channel.messageEncoding,
    schemaEncoding: schema?.encoding ?? "",
    schemaName: schema?.name ?? "",
  });
  found.count += 1;
  found.hash.update(message.data);
  if (channel.messageEncoding === "json") {
    JSON.parse(new TextDecoder().decode(message.data));
  }
}
await handle.close();
for (const found of Object.values(topics)) {
  found.hash = found.hash.digest("hex");
}
console.log(JSON.stringify({ told: Number(reader.statistics.messageCount), topics }));
