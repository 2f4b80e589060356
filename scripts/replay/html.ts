import { escapeXml, LINE_COUNT } from './picture.ts';

/** Lines of a picture, told apart on either ground and by most eyes. */
const LINES = {
  light: ['#0b7a75', '#c2410c', '#6d28d9', '#6b7280', '#be185d', '#1d4ed8', '#a16207', '#15803d'],
  dark: ['#2dd4bf', '#fb923c', '#a78bfa', '#9ca3af', '#f472b6', '#60a5fa', '#facc15', '#4ade80'],
};
const variables = (colours: readonly string[]): string =>
  colours.map((colour, i) => `--line${i}: ${colour};`).join(' ');
const LIGHT_LINES = variables(LINES.light);
const DARK_LINES = variables(LINES.dark);
const LINE_COLOURS = Array.from({ length: LINE_COUNT })
  .map(
    (_, i) =>
      `polyline.line${i} { stroke: var(--line${i}); } svg .fill${i} { fill: var(--line${i}); }`,
  )
  .join('\n');

const STYLE = `
:root { color-scheme: light dark; --ink: #111827; --paper: #ffffff; --faint: #e5e7eb; --load: #cbd5e1; ${LIGHT_LINES} }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e5e7eb; --paper: #111827; --faint: #374151; --load: #334155; ${DARK_LINES} }
}
${LINE_COLOURS}
body { font: 14px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1100px; padding: 1.5rem;
  color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 3px 10px; white-space: nowrap; border-bottom: 1px solid var(--faint); text-align: left; }
figure { margin: 1rem 0; }
svg { width: 100%; min-width: 720px; height: auto; font-size: 11px; }
svg text { fill: currentColor; }
.grid { stroke: var(--faint); } .load { fill: var(--load); } .peer { fill: var(--ink); }
polyline { fill: none; stroke-width: 1.4; }
`;

/** `\|` is a bar within a cell. */
const cells = (line: string): string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));

/** What is wider than the page scrolls by itself, by keyboard too. */
const wide = (html: string): string => `<div class="wide" tabindex="0">${html}</div>`;

function tableHtml(lines: readonly string[]): string {
  const [head, , ...rows] = lines;
  const row = (line: string, tag: 'th' | 'td'): string =>
    `<tr>${cells(line)
      .map((cell) => [cell === '' ? 'td' : tag, escapeXml(cell)] as const)
      .map(([element, text]) => `<${element}>${text}</${element}>`)
      .join('')}</tr>`;
  const body = rows.map((line) => row(line, 'td')).join('');
  return wide(`<table>${row(head ?? '', 'th')}${body}</table>`);
}

/** The few shapes our own Markdown has: headings, tables, list items, paragraphs. Pictures stay. */
function blockHtml(block: string): string {
  if (block.startsWith('<svg')) return `<figure>${wide(block)}</figure>`;
  if (block.startsWith('## ')) return `<h2>${escapeXml(block.slice(3))}</h2>`;
  const lines = block.split('\n');
  if (block.startsWith('|')) return tableHtml(lines);
  if (!block.startsWith('- ')) return `<p>${escapeXml(block)}</p>`;
  return `<ul>${lines.map((line) => `<li>${escapeXml(line.slice(2))}</li>`).join('')}</ul>`;
}

/** One self-contained page of Markdown and pictures: no script, no address, light and dark. */
export const page = (title: string, parts: readonly string[]): string =>
  [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeXml(title)}</title><style>${STYLE}</style></head><body><main>`,
    `<h1>${escapeXml(title)}</h1>`,
    ...parts
      .flatMap((part) => part.split(/\n{2,}/))
      .map((block) => block.trim())
      .filter((block) => block !== '')
      .map(blockHtml),
    '</main></body></html>',
    '',
  ].join('\n');
