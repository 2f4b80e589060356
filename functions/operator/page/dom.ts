// Elements by function call. Text is always text: nothing here reads markup.
type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: Event) => void);
type Attributes = Readonly<Record<string, Value>>;

function apply(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, String(value));
    }
  }
}

const nodes = (children: readonly Child[]): (Node | string)[] =>
  children
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === 'number' ? String(child) : child));

/** An HTML element; a function among the attributes listens to the event of that name. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  apply(element, attributes);
  element.append(...nodes(children));
  return element;
}

/** An SVG element. */
export function s(
  tag: string,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  apply(element, attributes);
  element.append(...nodes(children));
  return element;
}

/** Replaces the content of `element`. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...nodes(children));
}

const TOUCHED = 'summary, button, a';

/**
 * Replaces the content of `element` by a newer state of the same: what was unfolded stays so, and the focus
 * stays where it was. What is touched is known again by `data-name`, or by its text where that is enough.
 */
export function refresh(element: Element, children: readonly Child[]): void {
  const name = (each: Element): string => each.getAttribute('data-name') ?? each.textContent;
  const unfolded = new Set([...element.querySelectorAll('details[open] > summary')].map(name));
  const active = document.activeElement;
  const focused = element.contains(active) && active?.matches(TOUCHED) ? name(active) : undefined;
  fill(element, ...children);
  for (const summary of element.querySelectorAll('details > summary'))
    if (unfolded.has(name(summary))) summary.parentElement?.setAttribute('open', '');
  if (focused === undefined) return;
  const again = [...element.querySelectorAll<HTMLElement>(TOUCHED)].find(
    (each) => name(each) === focused,
  );
  again?.focus();
}

/** The element of index.html with this id. */
export function part(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element;
}

/** Styles that CSS cannot know, set through the object model as the content policy demands. */
export function styled<T extends HTMLElement | SVGElement>(
  element: T,
  styles: Readonly<Record<string, string>>,
): T {
  for (const [name, value] of Object.entries(styles)) element.style.setProperty(name, value);
  return element;
}
