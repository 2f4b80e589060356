import { escapeXml } from './picture.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #111827; --paper: #ffffff; --faint: #e5e7eb; --load: #cbd5e1; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e5e7eb; --paper: #111827; --faint: #374151; --load: #334155; }
}
body { font: 14px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1100px; padding: 1.5rem;
  color: var(--ink); background: var(--paper); }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto; }
th, td { padding: 3px 10px; border-bottom: 1px solid var(--faint); text-align: left; }
svg { width: 100%; height: auto; margin: 1rem 0; font-size: 11px; }
svg text:not([fill]) { fill: currentColor; }
.grid { stroke: var(--faint); } .load { fill: var(--load); } .peer { fill: var(--ink); }
polyline { stroke-width: 1.4; }
`;

const cells = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

function tableHtml(lines: readonly string[]): string {
  const [head, , ...rows] = lines;
  const row = (line: string, tag: string): string =>
    `<tr>${cells(line)
      .map((cell) => `<${tag}>${escapeXml(cell)}</${tag}>`)
      .join('')}</tr>`;
  return `<table>${row(head ?? '', 'th')}${rows.map((line) => row(line, 'td')).join('')}</table>`;
}

/** The few shapes our own Markdown has: headings, tables, list items, paragraphs. */
function markdownToHtml(markdown: string): string {
  const blocks = markdown.split(/\n{2,}/).map((block) => block.trim());
  return blocks
    .filter((block) => block !== '')
    .map((block) => {
      if (block.startsWith('## ')) return `<h2>${escapeXml(block.slice(3))}</h2>`;
      const lines = block.split('\n');
      if (block.startsWith('|')) return tableHtml(lines);
      if (!block.startsWith('- ')) return `<p>${escapeXml(block)}</p>`;
      return `<ul>${lines.map((line) => `<li>${escapeXml(line.slice(2))}</li>`).join('')}</ul>`;
    })
    .join('\n');
}

/** One self-contained page: no script, no address, light and dark. */
export const page = (title: string, markdown: string, pictures: readonly string[]): string =>
  [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeXml(title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escapeXml(title)}</h1>`,
    ...pictures,
    markdownToHtml(markdown),
    '</body></html>',
    '',
  ].join('\n');
