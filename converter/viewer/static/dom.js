// Elements by name, with their attributes, listeners and children.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function slider(label, min, max, value, change, step = 1) {
  const shown = make("output", {}, String(value));
  const input = make("input", {
    type: "range", min, max, step, value, ariaLabel: label,
    oninput: () => { shown.textContent = input.value; change(Number(input.value)); },
  });
  return { row: make("label", { className: "row" }, make("span", {}, label), input, shown), input, shown };
}

export function section(title, open, ...children) {
  return make("details", { open }, make("summary", {}, title), ...children);
}

// Calls that come fast are made once, when they have come to rest.
export function settled(call, wait = 150) {
  let timer = null;
  return (...words) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...words), wait);
  };
}
