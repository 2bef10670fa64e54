// Tells Python when the user went back or forward on a page, and to which address; and adds the query to an address
// that has none. It draws nothing.

const instances = new WeakMap();
/** The place of the shown entry in the history, where the browser tells it. */
const index = () => window.navigation?.currentEntry?.index ?? 0;

export default function address({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".address");
  const told = () => {
    const [before, now] = [instances.get(root).index, index()];
    instances.get(root).index = now;
    // A page that was left before it was drawn has an entry without a query, which is passed over.
    if (!location.search) history.go(now > before ? 1 : -1);
    // Streamlit tells Python of other pages, and a second message would name the former page.
    else if (location.pathname === instances.get(root).path) setTriggerValue("visited", location.search);
  };
  window.removeEventListener("popstate", instances.get(root)?.told);
  instances.set(root, { told, path: location.pathname, index: index() });
  window.addEventListener("popstate", told);
  // In the same entry: with another one, Back would lead to the address without a query, and Streamlit would add a third
  // one if it was still busy with that when the next page was asked for.
  if (!location.search && location.pathname.endsWith(`/${data.path}`)) {
    history.replaceState(history.state, "", `${location.pathname}?${data.query}`);
  }
  root.dataset.ready = data.path;
  return () => window.removeEventListener("popstate", told);
}
