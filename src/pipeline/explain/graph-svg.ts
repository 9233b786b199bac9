import type { Graph } from './graph.ts';

const size = { width: 230, height: 46 };
/** Left of the boxes for each line that runs back. */
const credit = 34;
const top = 56;
const line = 20;
const lane = 14;
const colours = [
  ...['#0b6e99', '#b5541c', '#2f7d32', '#7b3fa0', '#9a6b00', '#a8324a'],
  ...['#37548f', '#5f6b1f', '#00796b', '#8d4a6e', '#6d4c41', '#455a64'],
];

interface Row {
  readonly id: string;
  readonly use: string;
  readonly note: string;
  readonly y: number;
  /** One line an edge that ends here; the stage's own columns leave below them. */
  readonly entries: readonly { readonly from: string; readonly text: string; readonly y: number }[];
  readonly bottom: number;
}

/**
 * The graph as an SVG picture. Stages stand below each other; each has a line of its own colour down the right side,
 * from which the stages that read its columns branch off, the columns beside them. Credits run up the left side.
 */
export function graphSvg(graph: Graph, title: string): string {
  const rows = rowsOf(graph);
  const box = { x: 28 + graph.credits.length * credit, ...size };
  const sources = graph.stages.map((s) => s.id).filter((id) => graph.edges.some((e) => e.from === id));
  const laneX = (id: string): number => box.x + box.width + 22 + sources.indexOf(id) * lane;
  const colourOf = (id: string): string => colours[sources.indexOf(id) % colours.length]!;
  const labelX = box.x + box.width + 30 + sources.length * lane;
  const longest = Math.max(0, ...rows.flatMap((row) => row.entries.map((e) => e.text.length)));
  const below = (rows.at(-1)?.bottom ?? top) + 24;
  const notes = graph.evaluations.map(({ id, label }) => `evaluate ${id}: ${label}`);
  const width = Math.max(labelX + longest * 7 + 24, ...notes.map((note) => box.x + note.length * 7 + 24));
  const height = below + notes.length * line + 12;
  const parts = [
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${box.x}" y="32" font-size="15" font-weight="600">${xml(title)}</text>`,
    ...sources.map((id) => {
      const from = rows.find((row) => row.id === id)!.bottom - 8;
      const to = Math.max(...rows.flatMap((row) => row.entries.filter((e) => e.from === id).map((e) => e.y)));
      return `<path d="M ${box.x + box.width} ${from} H ${laneX(id)} V ${to}" fill="none" stroke="${colourOf(id)}" stroke-width="1.6"/>`;
    }),
    ...rows.flatMap((row) =>
      row.entries.flatMap(({ from, text, y }) => [
        `<path d="M ${laneX(from)} ${y} H ${box.x + box.width + 2}" fill="none" stroke="${colourOf(from)}" stroke-width="1.6" marker-end="url(#arrow)"/>`,
        `<circle cx="${laneX(from)}" cy="${y}" r="2.6" fill="${colourOf(from)}"/>`,
        `<path d="M ${laneX(from) + 5} ${y} H ${labelX - 5}" stroke="${colourOf(from)}" stroke-width="0.8" stroke-dasharray="1 4"/>`,
        `<text x="${labelX}" y="${y + 4}" fill="${colourOf(from)}">${xml(text)}</text>`,
      ]),
    ),
    ...rows.map(({ id, use, note, y, bottom }) => {
      const height = bottom - y;
      return [
        `<rect x="${box.x}" y="${y}" width="${box.width}" height="${height}" rx="6" fill="#f4f6f8" stroke="#3a4650"/>`,
        `<text x="${box.x + 12}" y="${y + height / 2 - 4}" font-weight="600">${xml(id)}</text>`,
        `<text x="${box.x + 12}" y="${y + height / 2 + 13}" fill="#3a4650">${xml(use)}</text>`,
        ...(note
          ? [
              `<text x="${box.x + box.width - 12}" y="${y + height / 2 - 4}" text-anchor="end" font-size="10" font-style="italic" fill="#5b6770">${xml(note)}</text>`,
            ]
          : []),
      ].join('\n');
    }),
    ...graph.credits.map(({ from, to, label }, i) => {
      const x = box.x - 22 - i * credit;
      const start = middle(rows.find((row) => row.id === from)!) + i * 10;
      const end = middle(rows.find((row) => row.id === to)!);
      const centre = (start + end) / 2;
      return [
        `<path d="M ${box.x} ${start} H ${x} V ${end} H ${box.x - 2}" fill="none" stroke="#3a4650" stroke-width="1.4" stroke-dasharray="5 4" marker-end="url(#arrow)"/>`,
        `<text transform="translate(${x - 6} ${centre}) rotate(-90)" text-anchor="middle" fill="#3a4650">${xml(label)}</text>`,
      ].join('\n');
    }),
    ...notes.map(
      (note, i) => `<text x="${box.x}" y="${below + i * line + 8}" fill="#3a4650">${xml(note)}</text>`,
    ),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="11.5" fill="#14191d" role="img">
<title>${xml(title)}</title>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M 0 0 L 8 4 L 0 8 z" fill="context-stroke"/></marker></defs>
${parts.join('\n')}
</svg>
`;
}

function rowsOf({ stages, edges }: Graph): Row[] {
  let y = top;
  return stages.map(({ id, use, note }) => {
    const incoming = edges.filter((edge) => edge.to === id);
    const height = Math.max(size.height, incoming.length * line + 16);
    const start = y + 14;
    const row = {
      id,
      use,
      note,
      y,
      bottom: y + height,
      entries: incoming.map(({ from, columns }, i) => ({
        from,
        text: columns.join(', '),
        y: start + i * line,
      })),
    };
    y += height + 22;
    return row;
  });
}

function middle({ y, bottom }: Row): number {
  return (y + bottom) / 2;
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
