// Mounts a component of the explorer as a widget of a notebook. Python puts the component's script before this one and
// names its function `component`; `model` and `el` are those of anywidget.

const COLORS = `:host {
  --st-text-color: var(--jp-content-font-color1, #1f2530);
  --st-background-color: var(--jp-layout-color0, #ffffff);
  --st-secondary-background-color: var(--jp-layout-color2, #eef0f3);
  --st-border-color: var(--jp-border-color1, #c4c8cf);
  --st-primary-color: var(--jp-brand-color1, #1f6fb4);
  --st-font: var(--jp-ui-font-family, system-ui, sans-serif);
  display: block;
}`;

function render({ model, el }) {
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = COLORS + model.get("style");
  const page = new DOMParser().parseFromString(model.get("markup"), "text/html");
  root.append(style, ...page.body.childNodes);
  el.append(host);
  const setTriggerValue = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const show = () => {
    const data = model.get("data");
    const bytes = data instanceof DataView ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : data;
    return component({ data: bytes, parentElement: root, setTriggerValue });
  };
  const leave = show();
  model.on("change:data", show);
  return () => {
    model.off("change:data", show);
    leave();
  };
}

export default { render };
