// Where a page's samples are: in the page, or many in script files beside it, since a page that was
// opened from disk may append scripts and may not fetch. Few of those files are held at once.
const slmbenchStore = (data) => {
  "use strict";
  const FILES_KEPT = 12;
  const starts = data.starts || [0];
  const files = new Map();
  const waiting = new Map();
  let names = [];
  let marks = "";

  function script(name) {
    return new Promise((resolve, reject) => {
      const tag = document.createElement("script");
      tag.src = `${data.folder}/${name}`;
      tag.addEventListener("load", () => { tag.remove(); resolve(); });
      tag.addEventListener("error", () => {
        tag.remove();
        reject(new Error(`Cannot read ${name}: keep the folder of samples beside this page.`));
      });
      document.head.append(tag);
    });
  }
  window.slmbenchIndex = (bits, all) => { marks = bits; names = all; };
  window.slmbenchSamples = (number, items) => { files.set(number, items); };

  async function file(number) {
    if (files.has(number)) {
      // The most recently used stands last; the first is forgotten first.
      const held = files.get(number);
      files.delete(number);
      files.set(number, held);
      return held;
    }
    if (!waiting.has(number)) {
      const asked = script(`${number}.js`).finally(() => waiting.delete(number));
      waiting.set(number, asked);
    }
    await waiting.get(number);
    const items = files.get(number);
    while (files.size > FILES_KEPT) files.delete(files.keys().next().value);
    return items;
  }

  function fileOf(sample) {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= sample) low = middle;
      else high = middle - 1;
    }
    return low;
  }
  const itemOf = async (sample) => {
    const number = fileOf(sample);
    return (await file(number))[sample - starts[number]];
  };
  const bitsOf = (sample) => marks.charCodeAt(sample) - 64;
  const nameOf = (sample) => names[sample];

  // Resolves when every sample's name and marks are known.
  async function open() {
    if (!data.items) {
      file(0).catch(() => {});
      return script("index.js");
    }
    files.set(0, data.items);
    names = data.items.map((item) => item[0]);
    marks = data.items.map((item) => String.fromCharCode(64 + item[1])).join("");
    return undefined;
  }
  return { file, fileOf, itemOf, bitsOf, nameOf, open };
};
