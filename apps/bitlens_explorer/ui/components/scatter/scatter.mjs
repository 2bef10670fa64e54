// The scatter-plot matrix as Streamlit mounts it: the instance, and how it is fed and left. Python sends a payload (see
// __init__.py) and is told the selected samples and the plot to open. For tests, the root's dataset says
// - plot: "left,top,width,height,margin" of the plots within .stage, in CSS pixels, and the margin as a part of a cell,
// - view: "x,y,k"; so a point with units (u, v), 0 to 1 from the dimension's low to its high, is in cell [r, c] at
//   left + (c + margin + u * (1 - 2 * margin) - x) * k and top + (r + 1 - margin - v * (1 - 2 * margin) - y) * k.

import { textToFlags } from "./points.mjs";
import { listenToKeys, listenToOverview, listenToPointer, listenToTools } from "./interaction.mjs";
import { choose, draw, leave, LINK, lookAt, showAll, sizeOf, startPainter, update } from "./state.mjs";

const instances = new WeakMap();

export default function scatterMatrix({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".scatter");
  const matrix = instances.get(root) ?? newInstance(root);
  matrix.send = setTriggerValue;
  update(matrix, data);
  matrix.observer.observe(matrix.stage);
  document.addEventListener(LINK, matrix.onLink);
  return () => {
    matrix.observer.disconnect();
    document.removeEventListener(LINK, matrix.onLink);
    leave(matrix);
  };
}

function newInstance(root) {
  const find = (name) => root.querySelector(name);
  const matrix = {
    root, stage: find(".stage"), overview: find(".overview"), legend: find(".legend"), card: find(".card"),
    canvases: { density: find(".density"), points: find(".points"), axes: find(".axes"), marks: find(".marks") },
    live: find(".live"), sizeInput: find(".size"), opacityInput: find(".opacity"),
    small: document.createElement("canvas"),
    mode: "lasso", dense: false, cloud: null, lost: "",
    wanted: null, cell: null, hovered: -1, drag: null, pending: [], told: null, fullFrame: 0, drawn: "",
  };
  matrix.observer = new ResizeObserver(() => {
    if (sizeOf(matrix) === matrix.drawn) return;
    leave(matrix);
    draw(matrix);
  });
  matrix.onLink = ({ detail }) => {
    const { group, samples } = matrix.header;
    if (detail.from === root || detail.group !== group || detail.samples !== samples) return;
    if (detail.view) return lookAt(matrix, detail.view, false);
    if (detail.fit) return showAll(matrix, false);
    matrix.pending.push(detail.text);
    choose(matrix, textToFlags(detail.text, detail.samples));
  };
  listenToTools(matrix);
  listenToPointer(matrix);
  listenToOverview(matrix);
  listenToKeys(matrix);
  startPainter(matrix);
  instances.set(root, matrix);
  return matrix;
}
