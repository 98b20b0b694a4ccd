/** Tables for the terminal. Imports cli-table3, nn, cli/report/format. */
import Table from 'cli-table3';
import type { LayerSummary } from '../nn/summary.ts';
import { bytes, integer, si } from './report/format.ts';

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Rows in columns; the first row is the head, the first column is aligned left, the others right. */
export function table(rows: readonly (readonly string[])[]): string {
  const made = new Table({
    chars: PLAIN,
    colAligns: rows[0]?.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  made.push(...rows.map((row) => [...row]));
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The layers of a model with totals; FLOPs and bytes of the forward pass of one sample. */
export function layerTable(layers: readonly LayerSummary[]): string {
  const sum = (key: 'parameters' | 'flops' | 'bytes'): number => layers.reduce((total, layer) => total + layer[key], 0);
  return table([
    ['layer', 'output', 'parameters', 'FLOPs', 'bytes'],
    ...layers.map(({ name, outputShape, parameters, flops, bytes: size }) => [
      name,
      outputShape.join('x'),
      integer(parameters),
      si(flops),
      bytes(size),
    ]),
    ['total', '', integer(sum('parameters')), si(sum('flops')), bytes(sum('bytes'))],
  ]);
}
