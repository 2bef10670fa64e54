// The circle packing on the page. Python sends `data` (see __init__.py) and is told the picked item by its numbers.

import { colorIndex, decodeFloats, shownHeight } from "../shared/cells.mjs";
import { areasOf, caption, describeGroup, describeItem, layOut, leastTrueValue, moveNumber, sameGroup, target } from "./layout.mjs";
import {
  LEGEND, LETTERS, LINE_HEIGHT, circle, drawLegend, measured, placeNames, placeNumbers, save, savePng, savedPicture, setAttributes,
  shape, viewBetween, wrapText,
} from "./drawing.mjs";

const instances = new WeakMap();
const ZOOM_MILLISECONDS = 300;
/** Widths of lines in pixels, whatever the zoom. */
const LINES = { rings: 1.2, items: 0.5, dark: 4.5, light: 2, focus: 3 };
/** How far outside a circle its outline runs, so that the circle is still seen. */
const OUTSIDE = 1.5;

export default function packing({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".packing");
  const pack = instances.get(root) ?? newInstance(root);
  pack.send = (group, item) => setTriggerValue("picked", [group, item]);
  update(pack, data);
  pack.observer.observe(root);
  return () => {
    pack.observer.disconnect();
    cancelAnimationFrame(pack.frame);
  };
}

function newInstance(root) {
  const pack = { root, zoom: -1, group: 0, item: 0, selected: null, pickedGroup: -1, sent: null, spots: new Map() };
  for (const element of root.querySelectorAll("[class]")) pack[element.getAttribute("class")] = element;
  pack.observer = new ResizeObserver(() => draw(pack));
  pack.picture.addEventListener("click", (event) => {
    // The second click of a double click would hit what just comes by.
    if (!pack.moving) act(pack, event.target);
  });
  pack.picture.addEventListener("pointermove", (event) => tell(pack, event.target, event.clientX, event.clientY));
  pack.picture.addEventListener("pointerleave", () => { pack.tip.hidden = true; });
  pack.picture.addEventListener("focusin", (event) => focused(pack, event.target));
  pack.picture.addEventListener("focusout", () => {
    pack.focus.replaceChildren();
    pack.tip.hidden = true;
  });
  root.addEventListener("keydown", (event) => {
    if (!press(pack, event.target, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  pack.all.addEventListener("click", () => leave(pack));
  pack["save-svg"].addEventListener("click", () => save(`${pack.data.file}.svg`, savedPicture(pack)));
  pack["save-png"].addEventListener("click", () => savePng(pack));
  instances.set(root, pack);
  return pack;
}

function update(pack, data) {
  const before = pack.data;
  const other = before?.version !== data.version;
  pack.data = data;
  cancelAnimationFrame(pack.frame);
  pack.moving = false;
  if (other) {
    pack.zoom = before ? sameGroup(pack.zoom, before.groups[pack.zoom], data.groups) : -1;
    pack.sent = null;
    build(pack, before);
  }
  // While an own pick is on its way, answers to former ones would undo it.
  if (pack.sent === null || pack.sent === data.selected) {
    if (data.selected !== pack.selected) pack.pickedGroup = pack.zoom;
    pack.selected = data.selected;
    pack.sent = null;
  }
  const help = `Enter zooms into a ${data.group_title} and picks a ${data.item_title}, arrow keys go to the next,`;
  pack.picture.setAttribute("aria-label", `${data.title}. ${help} Escape zooms out.`);
  pack.view = target(pack);
  arrange(pack);
  draw(pack);
  if (other) focused(pack, pack.root.getRootNode().activeElement);
}

function build(pack, before) {
  const { data, root } = pack;
  const spot = pack.spots.get(root.getRootNode().activeElement);
  pack.values = decodeFloats(data.values);
  pack.colors = data.colors ? decodeFloats(data.colors) : pack.values;
  const bytes = Uint8Array.from(atob(data.palette), (c) => c.charCodeAt(0));
  pack.palette = Array.from({ length: 256 }, (_, i) => `rgb(${bytes.subarray(3 * i, 3 * i + 3).join()})`);
  pack.areas = areasOf(pack.values, data.power);
  pack.plan = layOut(pack.areas, data.groups.length, data.item_ids.length);
  pack.spots = new Map();
  pack.groupCircles = pack.plan.groups.map((at, group) => {
    const told = `${describeGroup(data, group)}, ${data.item_ids.length} ${data.item_title}s`;
    const made = circle(at, { role: "button", "aria-label": told });
    pack.spots.set(made, [group, -1]);
    return made;
  });
  pack.itemCircles = pack.plan.items.map((places, group) => places.map((at, item) => {
    const made = circle(at, { fill: fillOf(pack, group * data.item_ids.length + item) });
    pack.spots.set(made, [group, item]);
    return made;
  }));
  pack.rings.replaceChildren(...pack.groupCircles);
  pack.items.replaceChildren(...pack.itemCircles.map(() => shape("g", {})));
  pack.itemCircles.forEach((circles, group) => pack.items.children[group].append(...circles));
  pack.names.replaceChildren(...data.groups.map(() => shape("text", {})));
  pack.group = Math.min(pack.group, Math.max(0, data.groups.length - 1));
  pack.open = -1;
  pack.tip.hidden = true;
  if (spot) refocus(pack, before, ...spot);
}

function fillOf({ data, values, areas, colors, palette, plan }, at) {
  const entry = Number.isFinite(values[at]) ? colorIndex(colors[at], data.low, data.high) : -1;
  if (entry < 0) return "url(#packing-hatch)";
  return areas[at] <= leastTrueValue(plan.most) ? "transparent" : palette[entry];
}

/** What had the focus is gone; the same thing of the new picture gets it. */
function refocus(pack, before, formerGroup, formerItem) {
  const { data } = pack;
  const group = sameGroup(formerGroup, before.groups[formerGroup], data.groups);
  const item = group === pack.zoom ? data.item_ids.indexOf(before.item_ids[formerItem]) : -1;
  arrange(pack);
  (pack.itemCircles[group]?.[item] ?? pack.groupCircles[Math.max(0, group)])?.focus({ preventScroll: true });
}

/** What shows where one is: crumbs, rings, what Tab reaches, outlines. */
function arrange(pack) {
  const { data, zoom, plan, root } = pack;
  const picked = data.item_ids.indexOf(pack.selected);
  if (pack.open !== zoom) openItems(pack, Math.max(0, picked));
  pack.groupCircles.forEach((made, group) => {
    // A group that fills the view needs no space for its name.
    const { x, y, r } = group === zoom ? plan.bodies[group] : plan.groups[group];
    setAttributes(made, { cx: x.toFixed(6), cy: y.toFixed(6), r: r.toFixed(6) });
    setAttributes(made, { tabindex: group === pack.group ? 0 : -1, "aria-expanded": group === zoom });
  });
  pack.outlined = picked < 0 ? [] : plan.items.map((items) => items[picked]);
  for (const marks of [pack.dark, pack.light]) marks.replaceChildren(...pack.outlined.map((at) => circle(at)));
  pack.all.disabled = zoom < 0;
  pack.where.textContent = zoom < 0 ? "" : `› ${describeGroup(data, zoom)}`;
  root.dataset.zoom = zoom;
  root.dataset.picked = picked < 0 ? "" : `${pack.pickedGroup}.${pack.selected}`;
  root.dataset.circles = pack.values.length;
}

/** Makes buttons of the items of the group zoomed into, and of no others. */
function openItems(pack, first) {
  for (const made of pack.itemCircles[pack.open] ?? []) {
    for (const name of ["tabindex", "role", "aria-label"]) made.removeAttribute(name);
  }
  pack.open = pack.zoom;
  pack.item = first;
  (pack.itemCircles[pack.open] ?? []).forEach((made, item) => {
    const told = describeItem(pack.data, pack.values, pack.open, item);
    setAttributes(made, { tabindex: item === first ? 0 : -1, role: "button", "aria-label": told });
  });
}

/** While one group fills the picture, parts of others at the edge would only distract. */
function showGroups(pack, moving) {
  pack.root.dataset.moving = moving ? "1" : "";
  const shown = (group) => moving || pack.zoom < 0 || group === pack.zoom;
  for (const level of ["rings", "items", "names", "dark", "light"]) {
    Array.from(pack[level].children, (made, group) => made.setAttribute("display", shown(group) ? "inline" : "none"));
  }
}

function zoomTo(pack, group) {
  pack.zoom = group;
  if (group >= 0) pack.group = group;
  arrange(pack);
  pack.tip.hidden = true;
  cancelAnimationFrame(pack.frame);
  const [from, to, start] = [pack.view, target(pack), performance.now()];
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const step = (now) => {
    const part = still ? 1 : Math.max(0, Math.min(1, (now - start) / ZOOM_MILLISECONDS));
    pack.view = viewBetween(from, to, part);
    pack.moving = part < 1;
    showGroups(pack, pack.moving);
    place(pack);
    if (pack.moving) {
      pack.frame = requestAnimationFrame(step);
    } else {
      drawLegend(pack);
      focused(pack, pack.root.getRootNode().activeElement);
    }
  };
  step(start);
}

function leave(pack) {
  if (pack.zoom < 0) return;
  zoomTo(pack, -1);
  pack.groupCircles[pack.group].focus({ preventScroll: true });
}

function act(pack, element) {
  const [group, item] = pack.spots.get(element) ?? [-1, -1];
  if (group < 0) return;
  const opened = group === pack.zoom;
  if (opened && item >= 0) pick(pack, group, item);
  else zoomTo(pack, opened ? -1 : group);
  (opened ? element : pack.groupCircles[group]).focus({ preventScroll: true });
}

function pick(pack, group, item) {
  pack.selected = pack.data.item_ids[item];
  pack.pickedGroup = group;
  pack.sent = pack.selected;
  arrange(pack);
  showGroups(pack, pack.moving);
  place(pack);
  pack.send(group, pack.selected);
}

/** Whether the key was one of ours. */
function press(pack, element, key) {
  if (key === "Escape" && pack.zoom >= 0) {
    leave(pack);
    return true;
  }
  const [group, item] = pack.spots.get(element) ?? [-1, -1];
  if (group < 0) return false;
  if (key === "Enter" || key === " ") {
    act(pack, element);
    return true;
  }
  const all = item < 0 ? pack.groupCircles : pack.itemCircles[group];
  const number = moveNumber(item < 0 ? group : item, key, all.length);
  if (number < 0) return false;
  if (item < 0 && pack.zoom >= 0) zoomTo(pack, number);
  all[number].focus({ preventScroll: true });
  return true;
}

function focused(pack, element) {
  const [group, item] = pack.spots.get(element) ?? [-1, -1];
  if (group < 0 || (item >= 0 && group !== pack.zoom)) return;
  const all = item < 0 ? pack.groupCircles : pack.itemCircles[group];
  all[item < 0 ? pack.group : pack.item].setAttribute("tabindex", -1);
  element.setAttribute("tabindex", 0);
  if (item < 0) pack.group = group;
  else pack.item = item;
  if (!element.matches(":focus-visible")) return;
  const [x, y, r] = ["cx", "cy", "r"].map((name) => Number(element.getAttribute(name)));
  pack.focus.replaceChildren(circle({ x, y, r }));
  if (pack.moving) return;
  const frame = element.getBoundingClientRect();
  tell(pack, element, frame.right, (frame.top + frame.bottom) / 2);
}

/** Describes what is at a point of the window, next to the point. */
function tell(pack, element, x, y) {
  const spot = pack.spots.get(element);
  pack.tip.hidden = !spot;
  if (!spot) return;
  const said = spot[1] < 0 ? describeGroup(pack.data, spot[0]) : describeItem(pack.data, pack.values, ...spot);
  pack.tip.textContent = said;
  if (pack.live.textContent !== said) pack.live.textContent = said;
  const frame = pack.stage.getBoundingClientRect();
  pack.tip.style.left = `${Math.max(0, Math.min(x - frame.left + 14, frame.width - pack.tip.offsetWidth))}px`;
  pack.tip.style.top = `${Math.max(0, Math.min(y - frame.top + 16, frame.height - pack.tip.offsetHeight))}px`;
}

function draw(pack) {
  const { root, data } = pack;
  const width = root.clientWidth;
  if (!width) return;
  const lines = wrapText(caption(data, pack.areas, pack.colors, pack.plan.most), width - 4, measured(LETTERS));
  const foot = LINE_HEIGHT * lines.length + 6;
  const most = shownHeight(data.height, window.innerHeight) - foot;
  const beside = width >= most + LEGEND.width + 24;
  const plotWidth = beside ? width - LEGEND.width - 16 : width;
  const height = beside ? most : Math.min(width, most - LEGEND.height);
  const total = height + foot + (beside ? 0 : LEGEND.height);
  pack.size = { width, lines, beside, plotWidth, height, total };
  setAttributes(pack.picture, { width, height: total, viewBox: `0 0 ${width} ${total}` });
  setAttributes(pack.plot, { width: plotWidth, height });
  showGroups(pack, pack.moving);
  place(pack);
  drawLegend(pack);
  root.dataset.ready = data.version;
}

/** Moves the picture to the view. Lines and names keep their size. */
function place(pack) {
  const { view, size } = pack;
  const scale = Math.min(size.plotWidth, size.height) / 2 / view.r;
  const [left, top] = [size.plotWidth / 2 - view.x * scale, size.height / 2 - view.y * scale];
  pack.scale = scale;
  pack.scene.setAttribute("transform", `translate(${left} ${top}) scale(${scale})`);
  for (const [name, width] of Object.entries(LINES)) pack[name].setAttribute("stroke-width", width / scale);
  for (const marks of [pack.dark, pack.light]) {
    pack.outlined.forEach(({ r }, group) => marks.children[group].setAttribute("r", r + OUTSIDE / scale));
  }
  placeNames(pack, left, top);
  placeNumbers(pack, left, top);
}
