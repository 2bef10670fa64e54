// Tells Python when the user went back or forward, and to which address. It draws nothing.

const listeners = new WeakMap();

export default function address({ parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".address");
  const told = () => {
    // A change of page leaves an entry without parts before that with parts, which is passed over.
    if (location.search) setTriggerValue("visited", location.search);
    else history.back();
  };
  window.removeEventListener("popstate", listeners.get(root));
  listeners.set(root, told);
  window.addEventListener("popstate", told);
  root.dataset.ready = "yes";
  return () => window.removeEventListener("popstate", told);
}
