// The layers of the network in a row. A click chooses layer A; with Shift it chooses layer B.

const senders = new WeakMap();

export default function networkStrip({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".network");
  senders.set(root, (layer, second) => setTriggerValue("picked", [layer, second]));
  if (root.dataset.ready === data.version) return;
  const list = root.querySelector("ol");
  const focused = [...list.querySelectorAll("button")].indexOf(root.getRootNode().activeElement);
  const most = Math.max(...data.layers.map((layer) => layer.bits ?? 0), 0);
  list.replaceChildren(...data.layers.map((layer, place) => box(root, data, layer, place, most)));
  if (focused >= 0) list.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
  list.querySelector("[data-role]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  root.querySelector(".key").textContent = data.key;
  root.dataset.ready = data.version;
}

function box(root, data, layer, place, most) {
  const button = part("button", "");
  button.type = "button";
  button.title = [layer.kind, layer.shape, layer.bits_text, layer.dead_text, layer.pair].filter(Boolean).join("; ");
  const name = part("span", "name", layer.name);
  if (layer.role) {
    button.dataset.role = layer.role;
    name.append(part("span", "role", layer.role));
  }
  const bits = part("span", "bits", layer.bits === null ? "" : `${layer.bits.toFixed(2)} bits`);
  if (layer.dead) bits.append(part("span", "dead", `${layer.dead} dead`));
  const bar = part("span", "bar");
  bar.style.width = most > 0 ? `${(100 * Math.max(0, layer.bits ?? 0)) / most}%` : "0";
  button.append(name, part("span", "shape", layer.shape), bits, bar);
  button.addEventListener("click", (event) => senders.get(root)(place, event.shiftKey && data.second));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function part(kind, name, text = "") {
  const element = document.createElement(kind);
  element.className = name;
  element.textContent = text;
  return element;
}
