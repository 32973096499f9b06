// The stage: the pieces that were written, each with a piano roll that follows its sound.
// `element`, `props`, `trigger` and `watch` come from the page's framework; props.value is made by stage.py.

const COLOURS = ["#4c78a8", "#e45756", "#54a24b", "#b279a2", "#f58518", "#72b7b2", "#eeca3b", "#9d755d", "#ff9da6"];
const DRUMS = "#8a8f98";
const language = (navigator.language || "en").slice(0, 2);
const phrases = props.phrases[language] || props.phrases.en;
const say = (key) => phrases[key] || props.phrases.en[key] || key;
const cards = new Map();

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const colour = (roll, part) => (roll.parts[part].drums ? DRUMS : COLOURS[part % COLOURS.length]);

function draw(canvas, roll, now) {
  const wide = canvas.clientWidth || 600, high = canvas.clientHeight || 180, dots = window.devicePixelRatio || 1;
  canvas.width = wide * dots;
  canvas.height = high * dots;
  const pen = canvas.getContext("2d");
  pen.scale(dots, dots);
  const style = getComputedStyle(canvas);
  const line = style.getPropertyValue("--border-color-primary") || "#ccc", ink = style.color;
  const pitches = roll.notes.map((note) => note[2]);
  const low = Math.min(60, ...pitches) - 2, top = Math.max(72, ...pitches) + 3;
  const x = (second) => (second / Math.max(roll.end, 1)) * wide, y = (pitch) => high - ((pitch - low) / (top - low)) * high;
  pen.fillStyle = "rgba(255, 196, 0, 0.13)";
  for (const [from, to] of roll.written) pen.fillRect(x(from), 0, x(to) - x(from), high);
  pen.strokeStyle = line;
  pen.lineWidth = 1;
  const every = Math.ceil(roll.bars.length / Math.max(wide / 12, 1));
  roll.bars.forEach((second, bar) => {
    if (bar % every) return;
    pen.globalAlpha = bar % (4 * every) ? 0.5 : 1;
    pen.beginPath();
    pen.moveTo(x(second), 0);
    pen.lineTo(x(second), high);
    pen.stroke();
  });
  for (const [start, length, pitch, velocity, part] of roll.notes) {
    const sounds = now !== null && now >= start && now < start + length;
    pen.globalAlpha = sounds ? 1 : 0.35 + (0.6 * velocity) / 127;
    pen.fillStyle = sounds ? ink : colour(roll, part);
    pen.fillRect(x(start), y(pitch + 0.5), Math.max(x(length) - 0.5, 1.5), Math.max(high / (top - low) - 0.4, 1.6));
  }
  pen.globalAlpha = 1;
  if (now !== null) {
    pen.strokeStyle = ink;
    pen.beginPath();
    pen.moveTo(x(now), 0);
    pen.lineTo(x(now), high);
    pen.stroke();
  }
}

function link(token, name, text) {
  return make("a", { href: `made/${token}/${name}`, download: name.replace("piece", "bandmate"), class: "file" }, text);
}

function sheet(token) {
  const pages = make("div", { class: "pages" });
  const details = make("details", { class: "sheet" }, make("summary", {}, say("sheet")), pages);
  details.addEventListener("toggle", async () => {
    if (!details.open || pages.childElementCount) return;
    const count = await (await fetch(`made/${token}/pages.json`)).json();
    for (let number = 1; number <= count; number++)
      pages.append(make("img", { src: `made/${token}/sheet-${number}.svg`, alt: `${say("sheet")} ${number}` }));
  });
  return details;
}

function legend(roll) {
  const list = make("ul", { class: "parts" });
  roll.parts.forEach((part, number) => {
    const swatch = make("span", { class: "swatch", style: `background:${colour(roll, number)}` });
    list.append(make("li", {}, swatch, part.name));
  });
  return list;
}

class Card {
  constructor(number) {
    this.canvas = make("canvas", { class: "roll", role: "img" });
    this.head = make("h3");
    this.parts = make("div");
    this.tools = make("div", { class: "tools" });
    this.node = make("article", { class: "card" }, this.head, this.canvas, this.parts, this.tools);
    this.audio = null;
    this.token = undefined;
    this.number = number;
    this.now = null;
    new ResizeObserver(() => this.roll && draw(this.canvas, this.roll, this.now)).observe(this.canvas);
    this.canvas.addEventListener("click", (event) => {
      if (!this.audio || !this.roll) return;
      this.audio.currentTime = (event.offsetX / this.canvas.clientWidth) * this.roll.end;
      this.audio.play();
    });
  }

  show(variant) {
    this.roll = JSON.parse(variant.roll);
    this.head.textContent = variant.title;
    this.canvas.setAttribute("aria-label", `${say("roll")}: ${variant.title}, ${this.roll.notes.length} ${say("notes")}`);
    this.parts.replaceChildren(legend(this.roll));
    draw(this.canvas, this.roll, this.now);
    if (variant.token === this.token) return;
    this.token = variant.token;
    this.audio = null;
    this.now = null;
    this.tools.replaceChildren();
    if (variant.token) this.equip(variant);
  }

  equip(variant) {
    const { token, seed } = variant;
    this.audio = make("audio", { controls: "", preload: "none", src: `made/${token}/piece.mp3`, "aria-label": variant.title });
    const follow = () => {
      this.now = this.audio && !this.audio.ended ? this.audio.currentTime : null;
      draw(this.canvas, this.roll, this.now);
      if (this.audio && !this.audio.paused && !this.audio.ended && this.node.isConnected) requestAnimationFrame(follow);
    };
    for (const event of ["play", "seeked", "ended", "pause"]) this.audio.addEventListener(event, follow);
    this.audio.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) if (other !== this.audio) other.pause();
    });
    const files = make("p", { class: "files" }, link(token, "piece.mid", "MIDI"), link(token, "piece.mp3", "MP3"),
      link(token, "piece.musicxml", "MusicXML"), link(token, "stems.zip", say("stems")), link(token, "piece.json", "JSON"));
    const acts = make("p", { class: "acts" });
    for (const act of variant.acts) {
      const button = make("button", { type: "button", "data-act": act }, say(act));
      button.addEventListener("click", () => trigger("click", { act, token }));
      acts.append(button);
    }
    if (seed !== undefined) acts.append(make("span", { class: "seed" }, `${say("seed")} ${seed}`));
    this.tools.append(this.audio, files, acts, sheet(token));
  }
}

function show() {
  const value = props.value || { variants: [] };
  const board = element.querySelector(".board"), bar = element.querySelector("progress"), said = element.querySelector(".said");
  bar.hidden = !value.writing;
  bar.value = value.share || 0;
  said.textContent = value.said || "";
  value.variants.forEach((variant, number) => {
    if (!cards.has(number)) cards.set(number, new Card(number));
    const card = cards.get(number);
    if (card.node.parentNode !== board) board.append(card.node);
    card.show(variant);
  });
  for (const [number, card] of cards) if (number >= value.variants.length) {
    card.audio?.pause();
    card.node.remove();
    cards.delete(number);
  }
}

watch("value", show);
show();
