// The document's JavaScript example, reading a live server: each event as a line of JSON; ends with the task.
import { pathToFileURL } from "node:url";

const [modules, base, taskId, key, startId] = process.argv.slice(2);
const { EventSource } = await import(pathToFileURL(`${modules}/dist/index.js`));

const es = new EventSource(`${base}/api/v1/tasks/${taskId}/progress/stream?api_key=${key}&start_id=${startId}`);
const tell = (name) => (e) => console.log(JSON.stringify({ name, id: e.lastEventId, data: JSON.parse(e.data) }));
es.addEventListener("open", () => console.log(JSON.stringify({ name: "open" })));
es.addEventListener("progress", tell("progress"));
es.addEventListener("history", tell("history"));
es.addEventListener("done", (e) => {
  tell("done")(e);
  es.close();
});
