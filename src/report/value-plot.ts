import type { ValueScale } from '../core/stage.ts';
import { fixed } from './format.ts';
import type { Bin, Histogram } from './histogram.ts';
import type { Plot } from './plot.ts';
import type { ValueReport } from './value-report.ts';
import { scaleSentence } from './values.ts';

const width = 640;
const told = '#4c78a8';
const clipped = '#f58518';
const below = 'told apart by s(x)';
const atTop = 'at its top';

/** A bar of the picture: where it begins and ends, and of which questions it is. */
interface Bar {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly kind: string;
}

/**
 * The values of a data set as a picture: how many questions have which value, s(x) as a function of it, and how many
 * questions have which s(x). Questions at the top of the scale are in another colour.
 *
 * @param title what the questions are
 */
export function valuePlot(report: ValueReport, scale: ValueScale | undefined, title: string): Plot {
  const { histogram, scale_histogram, saturation } = report;
  const anyClipped = (saturation?.saturated ?? 0) > 0;
  const axis = axisOf(histogram);
  const bars = histogram.bins.flatMap((bin): Bar[] => [
    { ...placed(bin, histogram), count: bin.count - bin.saturated, kind: below },
    { ...placed(bin, histogram), count: bin.saturated, kind: atTop },
  ]);
  const subtitle = saturation ? scaleSentence(saturation).split('; ') : [`${fixed(report.n)} questions`];
  const panels: object[] = [barPanel(bars, 'v(x)', axis, anyClipped)];
  if (scale && scale_histogram) {
    const top = scale_histogram.bins.length - 1;
    const scaleBars = scale_histogram.bins.flatMap((bin, i): Bar[] => {
      const above = i === top ? saturation!.saturated : 0;
      const at = placed(bin, scale_histogram);
      return [
        { ...at, count: bin.count - above, kind: below },
        { ...at, count: above, kind: atTop },
      ];
    });
    panels.push(curvePanel(report, scale, axis), barPanel(scaleBars, 's(x)', axisOf(scale_histogram), false));
  }
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: {
      text: title,
      subtitle,
      anchor: 'start',
      fontSize: 15,
      subtitleFontSize: 12,
      subtitlePadding: 6,
      offset: 14,
    },
    background: 'white',
    padding: 16,
    vconcat: panels,
    resolve: { scale: { color: 'independent' } },
    config: {
      font: 'Helvetica, Arial, sans-serif',
      view: { stroke: null },
      axis: {
        grid: true,
        gridColor: '#e6e6e6',
        domainColor: '#888',
        tickColor: '#888',
        labelFontSize: 11,
        titleFontSize: 12,
      },
    },
  } as Plot;
}

function barPanel(bars: readonly Bar[], title: string, axis: Axis, legend: boolean): object {
  return {
    width,
    height: 150,
    data: { values: bars.filter(({ count }) => count > 0) },
    mark: { type: 'bar', stroke: 'white', strokeWidth: 0.5 },
    encoding: {
      x: { field: 'from', type: 'quantitative', bin: 'binned', title, scale: axis.scale, axis: axis.ticks },
      x2: { field: 'to' },
      y: { field: 'count', type: 'quantitative', title: 'questions', stack: 'zero', axis: { tickCount: 5 } },
      color: {
        field: 'kind',
        type: 'nominal',
        title: null,
        scale: { domain: [below, atTop], range: [told, clipped] },
        legend: legend ? { orient: 'top', direction: 'horizontal', offset: 2 } : null,
      },
    },
  };
}

function curvePanel({ values, saturation }: ValueReport, scale: ValueScale, axis: Axis): object {
  const { domain, constant } = axis.scale;
  const [from, to] = domain;
  const at = (i: number): number => {
    const share = i / 200;
    return constant === undefined
      ? from + share * (to - from)
      : constant * ((1 + to / constant) ** share - 1);
  };
  const curve = Array.from({ length: 201 }, (_, i) => ({ v: at(i), s: scale.of(at(i)) }));
  return {
    width,
    height: 130,
    encoding: {
      x: { field: 'v', type: 'quantitative', title: 'v(x)', scale: axis.scale, axis: axis.ticks },
      y: {
        field: 's',
        type: 'quantitative',
        title: `s(x) = ${scale.formula}`,
        scale: { zero: false, nice: true },
        axis: { tickCount: 5 },
      },
    },
    layer: [
      { data: { values: curve }, mark: { type: 'line', color: told, strokeWidth: 2 } },
      {
        data: {
          values: [values.q25, values.median, values.q75].map((v, i) => ({
            v,
            s: scale.of(v),
            label: ['25%', 'median', '75%'][i],
          })),
        },
        layer: [
          {
            mark: {
              type: 'point',
              filled: true,
              size: 45,
              color: saturation!.saturated > 0 ? '#333' : told,
              opacity: 1,
            },
          },
          {
            mark: { type: 'text', dy: 14, dx: 4, align: 'left', fontSize: 10, color: '#333' },
            encoding: { text: { field: 'label' } },
          },
        ],
      },
    ],
  };
}

interface Axis {
  readonly scale: {
    readonly type: 'linear' | 'symlog';
    /** Up to about which number a symlog scale is linear. */
    readonly constant?: number;
    readonly domain: readonly [number, number];
    readonly nice: false;
  };
  readonly ticks: { readonly values?: readonly number[]; readonly [property: string]: unknown };
}

function axisOf(histogram: Histogram): Axis {
  const { steps, bins } = histogram;
  const bars = bins.map((bin) => placed(bin, histogram));
  const least = bars.reduce((a, { from }) => Math.min(a, from), Infinity);
  const most = bars.reduce((a, { to }) => Math.max(a, to), 0);
  const ticks = { grid: false, format: '~g', labelOverlap: true };
  if (steps === 'equal') return { scale: { type: 'linear', domain: [least, most], nice: false }, ticks };
  const values = [...bins.map(({ from }) => from), ...(steps === 'factor' ? [most] : [])];
  if (steps === 'each') {
    return { scale: { type: 'linear', domain: [least, most], nice: false }, ticks: { ...ticks, values } };
  }
  const constant = bins.find(({ from }) => from > 0)!.from;
  return { scale: { type: 'symlog', constant, domain: [0, most], nice: false }, ticks: { ...ticks, values } };
}

/** Where a bar stands: that of a single number is as wide as the nearest two are apart, but a little. */
function placed({ from, to }: Bin, { steps, bins }: Histogram): { from: number; to: number } {
  if (from !== to) return { from, to };
  if (steps === 'factor') return { from: 0, to: bins.find((bin) => bin.from > 0)!.from / 3 };
  const gaps = bins.slice(1).map((bin, i) => bin.from - bins[i]!.from);
  const half = 0.4 * (gaps.length > 0 ? gaps.reduce((a, b) => Math.min(a, b)) : from || 1);
  return { from: from - half, to: from + half };
}
