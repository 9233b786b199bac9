import type { ValueScale } from '../core/stage.ts';
import { fixed, plainNumber } from './format.ts';
import type { Bin, Histogram } from './histogram.ts';
import type { Plot } from './plot.ts';
import type { ValueReport } from './value-report.ts';
import { scaleSentence } from './values.ts';

const width = 640;
const told = '#4c78a8';
const clipped = '#f58518';
const below = 'told apart by s(x)';
const atTop = 'at its top';

/** The thinnest bar that is still seen, and the thickest, in pixels. */
const thinnest = 5;
const thickest = 50;
/** Nearest that labels of single numbers may stand, in pixels. */
const labelled = 34;
const farApart = 20;

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
  const axis = axisOf(histogram, report.values.median);
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
    panels.push(
      curvePanel(report, scale, axis),
      barPanel(scaleBars, 's(x)', axisOf(scale_histogram, Infinity), false),
    );
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
    mark:
      axis.bar === undefined
        ? { type: 'bar', stroke: 'white', strokeWidth: 0.5 }
        : { type: 'bar', size: axis.bar, stroke: 'white', strokeWidth: 0.5 },
    encoding: {
      x: {
        field: 'from',
        type: 'quantitative',
        title,
        scale: axis.scale,
        axis: axis.ticks,
        ...(axis.bar === undefined && { bin: 'binned' }),
      },
      ...(axis.bar === undefined && { x2: { field: 'to' } }),
      y: {
        field: 'count',
        type: 'quantitative',
        title: 'questions',
        stack: 'zero',
        axis: { tickCount: 5, tickMinStep: 1, format: ',d' },
      },
      color: {
        field: 'kind',
        type: 'nominal',
        title: null,
        scale: { domain: [below, atTop], range: [told, clipped] },
        legend: legend ? { orient: 'top', direction: 'horizontal', offset: 6 } : null,
      },
    },
  };
}

/** The quartiles stand in a line above the curve: beside their points, labels of near ones would lie on each other. */
function curvePanel({ values, saturation }: ValueReport, scale: ValueScale, axis: Axis): object {
  const { domain, constant } = axis.scale;
  const [from, to] = domain;
  const at = (i: number): number => {
    const share = i / 200;
    return constant === undefined
      ? from + share * (to - from)
      : constant * ((1 + from / constant) ** (1 - share) * (1 + to / constant) ** share - 1);
  };
  const curve = Array.from({ length: 201 }, (_, i) => ({ v: at(i), s: scale.of(at(i)) }));
  const quartiles = [values.q25, values.median, values.q75];
  return {
    width,
    height: 130,
    title: {
      text: `points: 25%, median and 75% of the questions, at v(x) = ${quartiles.map(plainNumber).join(', ')}`,
      anchor: 'start',
      fontSize: 11,
      fontWeight: 'normal',
      color: '#333',
      offset: 6,
    },
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
        data: { values: quartiles.map((v) => ({ v, s: scale.of(v) })) },
        mark: {
          type: 'point',
          filled: true,
          size: 45,
          color: saturation!.saturated > 0 ? '#333' : told,
          opacity: 1,
        },
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
    readonly zero: false;
    /** Pixels left free at both ends. */
    readonly padding: number;
  };
  /** Width of the bars of single numbers, in pixels. */
  readonly bar?: number;
  readonly ticks: { readonly values?: readonly number[]; readonly [property: string]: unknown };
}

const ticks = {
  grid: false,
  labelExpr: "format(datum.value, abs(datum.value) < 1000 ? '.3~g' : ',.0f')",
  labelOverlap: 'greedy',
};

function axisOf(histogram: Histogram, median: number): Axis {
  const { steps, bins } = histogram;
  if (steps === 'each') return axisOfEach(bins, median);
  const bars = bins.map((bin) => placed(bin, histogram));
  const least = bars.reduce((a, { from }) => Math.min(a, from), Infinity);
  const most = bars.reduce((a, { to }) => Math.max(a, to), 0);
  const around = { nice: false, zero: false, padding: 4 } as const;
  if (steps === 'equal') return { scale: { type: 'linear', domain: [least, most], ...around }, ticks };
  const constant = bins.find(({ from }) => from > 0)!.from;
  const values = [...bins.map(({ from }) => from), most];
  return { scale: { type: 'symlog', constant, domain: [0, most], ...around }, ticks: { ...ticks, values } };
}

/** Single numbers stand on a line, or, where the largest is far above the median, by about their logarithms. */
function axisOfEach(bins: readonly Bin[], median: number): Axis {
  const values = bins.map(({ from }) => from);
  const [first, last] = [values[0]!, values.at(-1)!];
  const constant = values.find((v) => v > 0) ?? 1;
  const skewed = last > farApart * median && last > farApart * constant;
  const at = skewed ? values.map((v) => Math.log1p(v / constant)) : values;
  const range = at.at(-1)! - at[0]!;
  const room = width - thickest - 8;
  const gap = at.slice(1).reduce((least, v, i) => Math.min(least, ((v - at[i]!) / range) * room), Infinity);
  const bar = Math.max(thinnest, Math.min(thickest, 0.8 * gap));
  const around = { nice: false, zero: false, padding: bar / 2 + 4 } as const;
  if (skewed) {
    const scale = { type: 'symlog', constant, domain: [first, last], ...around } as const;
    return { scale, bar, ticks: { ...ticks, values } };
  }
  const half = range > 0 ? 0 : 0.4 * (first || 1);
  const scale = { type: 'linear', domain: [first - half, last + half], ...around } as const;
  return { scale, bar, ticks: gap < labelled ? { ...ticks, tickCount: 8 } : { ...ticks, values } };
}

/** Where a bar stands: that of zero, beside bins by factors, has a place of its own. */
function placed({ from, to }: Bin, { steps, bins }: Histogram): { from: number; to: number } {
  if (from !== to || steps !== 'factor') return { from, to };
  return { from: 0, to: bins.find((bin) => bin.from > 0)!.from / 3 };
}
