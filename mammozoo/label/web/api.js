// SPDX-License-Identifier: Apache-2.0
// The server's routes. Every failure becomes an Error whose message can be shown.

async function ask(method, path, body, type) {
  let answer;
  try {
    answer = await fetch(path, { method, body, headers: type ? { "content-type": type } : {} });
  } catch {
    throw new Error("the server does not answer; is it still running?");
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let detail = text;
  try { detail = JSON.parse(text).detail || text; } catch { /* plain text */ }
  throw new Error(typeof detail === "string" && detail ? detail.slice(0, 300) : `the server answered ${answer.status}`);
}

async function raw(answer) {
  const facts = JSON.parse(answer.headers.get("x-pixels")), buffer = await answer.arrayBuffer();
  return { facts, pixels: facts.bytes === 2 ? new Uint16Array(buffer) : new Uint8Array(buffer) };
}

const id = encodeURIComponent;

export const items = async () => (await ask("GET", "/api/items")).json();
export const image = async (image) => raw(await ask("GET", `/api/image/${id(image)}`));
export const suggest = async (model, image) => raw(await ask("POST", `/api/suggest/${id(model)}/${id(image)}`));
export const removeLabel = async (image) => ask("DELETE", `/api/label/${id(image)}`);
export const training = async () => (await ask("GET", "/api/training")).json();

export const record = async (image) => (await ask("GET", `/api/record/${id(image)}`)).json();
export const stopTraining = async () => ask("DELETE", "/train/");

export async function label(image) {
  const answer = await ask("GET", `/api/label/${id(image)}`);
  return answer.status === 204 ? null : raw(answer);
}

export async function saveLabel(image, mask, model, seconds) {
  const query = new URLSearchParams({ model, seconds: seconds.toFixed(1) });
  return (await ask("PUT", `/api/label/${id(image)}?${query}`, mask, "application/octet-stream")).json();
}

export async function next(strategy, model) {
  const body = JSON.stringify(strategy === "entropy" ? { model } : {});
  return (await ask("POST", `/activelearning/${id(strategy)}`, body, "application/json")).json();
}

export async function train(model, epochs) {
  return (await ask("POST", `/train/${id(model)}`, JSON.stringify({ max_epochs: epochs }), "application/json")).json();
}
