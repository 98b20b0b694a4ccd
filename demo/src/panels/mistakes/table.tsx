/** The confusion matrix as a table of buttons, one tab stop for all: arrow keys go from cell to cell. Imports view, confusion, ui. */
import { useRef } from 'preact/hooks';
import { percent, whole } from '../../ui/format.ts';
import { afterKey, type Cell, DIGITS, digits, isRight, shadeOf, shareOf } from './confusion.ts';
import type { Survey } from './part.ts';
import { cell as open } from './view.ts';

/** Of a share, whose unit stands in the heading. */
const hundredths = (share: number): string => (100 * share).toFixed(0);

/** Of a colour in a cell, at most: numbers stay legible on it. */
const MOST = 62;

const isOpen = ({ label, predicted }: NonNullable<Cell>): boolean =>
  open.value?.label === label && open.value.predicted === predicted;

function Entry({ label, predicted, counts }: NonNullable<Cell> & { counts: Uint32Array }) {
  const at = { label, predicted };
  const count = counts[DIGITS * label + predicted]!;
  const share = shareOf(counts, at);
  const pressed = isOpen(at);
  const tabStop = open.value ? pressed : label === 0 && predicted === 0;
  return (
    <td>
      <button
        type="button"
        class={`count ${isRight(at) ? 'right' : count > 0 ? 'wrong' : 'none'}`}
        data-cell={`${label} ${predicted}`}
        tabIndex={tabStop ? 0 : -1}
        aria-pressed={pressed}
        aria-label={`${label} read as ${predicted}: ${whole(count)}, ${percent(share)} of the ${label}s`}
        title={`${label} read as ${predicted}: ${whole(count)} (${percent(share)} of the ${label}s)`}
        style={{ '--shade': `${Math.round(MOST * shadeOf(share, at))}%` }}
        onClick={() => (open.value = pressed ? null : at)}
      >
        {count > 0 ? count : '·'}
      </button>
    </td>
  );
}

export function Table({ counts, report }: Pick<Survey, 'counts' | 'report'>) {
  const table = useRef<HTMLTableElement>(null);
  const key = (event: KeyboardEvent): void => {
    const [label, predicted] = ((event.target as HTMLElement).dataset.cell ?? '').split(' ').map(Number);
    if (label === undefined || predicted === undefined) return;
    const next = afterKey({ label, predicted }, event.key);
    if (!next) return;
    event.preventDefault();
    table.current!.querySelector<HTMLElement>(`[data-cell="${next.label} ${next.predicted}"]`)!.focus();
  };
  return (
    <table class="confusion" ref={table} onKeyDown={key}>
      <caption class="visually-hidden">
        Confusion matrix: a row for each digit, a column for what it is read as. Arrow keys go from cell to cell, Enter
        opens the images of one.
      </caption>
      <thead>
        <tr>
          <td colSpan={2} />
          <th colSpan={DIGITS} scope="colgroup">
            read as
          </th>
          <td />
        </tr>
        <tr>
          <td colSpan={2} />
          {digits.map((k) => (
            <th key={k} scope="col">
              {k}
            </th>
          ))}
          <th class="edge" scope="col">
            recall, %
          </th>
        </tr>
      </thead>
      <tbody>
        {digits.map((label) => (
          <tr key={label}>
            {label === 0 && (
              <th class="group" rowSpan={DIGITS} scope="rowgroup">
                is
              </th>
            )}
            <th scope="row">{label}</th>
            {digits.map((predicted) => (
              <Entry key={predicted} label={label} predicted={predicted} counts={counts} />
            ))}
            <td class="edge">{hundredths(report.classes[label]!.recall)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th class="edge" colSpan={2} scope="row">
            precision, %
          </th>
          {digits.map((k) => (
            <td class="edge" key={k}>
              {hundredths(report.classes[k]!.precision)}
            </td>
          ))}
          <td class="edge" />
        </tr>
      </tfoot>
    </table>
  );
}
