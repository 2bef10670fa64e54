// Tells Python when the user went back or forward on a page, and to which address. It draws nothing.

const instances = new WeakMap();
/** The place of the shown entry in the history, where the browser tells it. */
const index = () => window.navigation?.currentEntry?.index ?? 0;

export default function address({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".address");
  const told = () => {
    const [before, now] = [instances.get(root).index, index()];
    instances.get(root).index = now;
    // A change of page leaves an entry without parts before that with parts, which is passed over.
    if (!location.search) history.go(now > before ? 1 : -1);
    // Streamlit tells Python of other pages, and a second message would name the former page.
    else if (location.pathname === instances.get(root).path) setTriggerValue("visited", location.search);
  };
  window.removeEventListener("popstate", instances.get(root)?.told);
  instances.set(root, { told, path: location.pathname, index: index() });
  window.addEventListener("popstate", told);
  root.dataset.ready = data.page;
  return () => window.removeEventListener("popstate", told);
}
