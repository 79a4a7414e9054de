// Elements are made here and filled with text only: nothing from a record is ever read as markup.
const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
const SVG = "http://www.w3.org/2000/svg";
function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined && value !== "") {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  // A text child becomes a text node.
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
// A name keeps its own direction of writing, and does not turn the text around it.
const isolated = (text, attributes = {}) => make("bdi", attributes, text);

// --- tooltips, for the pointer and for the keyboard ---------------------------------------------
const tip = make("div", { class: "tip", role: "tooltip", id: "tip", hidden: true });
const tipTexts = new WeakMap();
let tipOwner = null;

// The text is asked for when it is shown: a board has more cells than anyone looks at.
const withTip = (element, text) => { tipTexts.set(element, text); return element; };

function ownerOf(target) {
  for (let at = target; at instanceof Element; at = at.parentElement) {
    if (tipTexts.has(at)) return at;
  }
  return null;
}
function placeTip() {
  if (!tipOwner) return;
  const place = tipOwner.getBoundingClientRect();
  const below = place.bottom + 6 + tip.offsetHeight <= window.innerHeight;
  const left = Math.min(place.left, window.innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, below ? place.bottom + 6 : place.top - tip.offsetHeight - 6)}px`;
}
function showTip(event) {
  const owner = ownerOf(event.target);
  if (owner === tipOwner) return;
  hideTip();
  if (!owner) return;
  tipOwner = owner;
  const text = tipTexts.get(owner)();
  tip.replaceChildren(...text.split("\n").map((line) => make("bdi", {}, line)));
  tip.hidden = false;
  owner.setAttribute("aria-describedby", "tip");
  placeTip();
}
function hideTip() {
  tipOwner?.removeAttribute("aria-describedby");
  tipOwner = null;
  tip.hidden = true;
}
function startTips() {
  document.body.append(tip);
  document.addEventListener("mouseover", showTip);
  document.addEventListener("focusin", showTip);
  document.addEventListener("focusout", hideTip);
  document.documentElement.addEventListener("mouseleave", hideTip);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
  document.addEventListener("scroll", placeTip, { capture: true, passive: true });
}
