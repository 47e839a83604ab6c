// How questions reach the images: one interface, so that the page does not know who answers.
//   json(path)               a Promise of the answer
//   blob(path, signal)       a Promise of its bytes; stale where a growing sink has more by now (status 203)
//   listen(hear)             calls hear(news) when tiles come into a growing sink; returns a stop function

export class HttpTransport {
  async json(path) {
    const response = await fetch(path);
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error || response.statusText);
    return answer;
  }

  async blob(path, signal) {
    const response = await fetch(path, { signal });
    if (!response.ok) throw new Error(response.statusText);
    const blob = await response.blob();
    blob.stale = response.status === 203;
    return blob;
  }

  listen(hear) {
    const events = new EventSource("events");
    events.onmessage = (event) => hear(JSON.parse(event.data));
    return () => events.close();
  }
}

// The exported folder: every tile is a file, and nothing is computed.
export class FolderTransport {
  async json(path) {
    const name = path.split("?")[0];
    if (name !== "info") throw new Error("an exported page knows tiles only");
    return (await fetch("info.json")).json();
  }

  async blob(path, signal) {
    const [name, query] = path.split("?");
    const frame = new URLSearchParams(query || "").get("frame") || "0";
    const [, image, z, x, y] = name.split("/");
    const response = await fetch(`tiles/${image}/${frame}/${z}/${x}_${y}`, { signal });
    if (!response.ok) throw new Error(response.statusText);
    return response.blob();
  }

  listen() {
    return () => {};
  }
}
