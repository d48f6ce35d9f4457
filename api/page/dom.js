/** Elements, and what is said to people. */

const SVG = "http://www.w3.org/2000/svg";

/** An element: h("button", {class: "main", onclick: act}, "Text", child). A value of null or false leaves an attribute out. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Write text only where it changes, so that nothing flickers and screen readers stay calm. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Tell listeners of a screen reader. */
export function tell(text) {
  document.getElementById("told").textContent = text;
}

/** A note that goes away by itself. */
export function toast(text, kind = "bad") {
  const note = h("div", { class: `toast ${kind}` }, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 7000);
}

/** Run what a button asks for; the button rests meanwhile, and what goes wrong is told. */
export function acting(act) {
  return async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      await act(event);
    } catch (error) {
      toast(error.message);
    } finally {
      button.disabled = false;
    }
  };
}
