// Batch files as people write them: JSON or YAML, with mistakes told by their place.

/** What the text says. Throws an Error whose message is for the person. */
export async function readBatchFile(text) {
  if (!text.trim()) throw new Error("Paste a batch, or choose a file.");
  const found = text.trimStart().startsWith("{") ? readJson(text) : await readYaml(text);
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new Error("A batch is an object with a name and operations.");
  return found;
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = /position (\d+)/.exec(error.message);
    if (!place) throw new Error(`This is no JSON: ${error.message}`);
    const before = text.slice(0, Number(place[1])).split("\n");
    throw new Error(`This is no JSON, at line ${before.length}, column ${before.at(-1).length + 1}: ${error.message}`);
  }
}

async function readYaml(text) {
  const { load } = await import("../../vendor/js-yaml/js-yaml.mjs");
  try {
    return load(text);
  } catch (error) {
    const at = error.mark ? `, at line ${error.mark.line + 1}, column ${error.mark.column + 1}` : "";
    throw new Error(`This is no YAML${at}: ${error.reason ?? error.message}`);
  }
}

export const EXAMPLE = `name: two servers and a web server
parallel_limit: 5
rollback_enabled: true
operations:
  - id: servers
    type: server_batch
    provider: local
    dependencies: []
    config:
      server_configs:
        - {name: web, count: 2, plan: 1xCPU-1GB, zone: local}
  - id: nginx
    type: taskserv_batch
    provider: local
    dependencies: [servers]
    config:
      taskservs: [nginx]
`;
