/** The chosen unit: enlarged, in numbers, and what feeds it. Imports view, tile-canvas, pure parts. */
import { useMemo } from 'preact/hooks';
import { percent, short } from '../../ui/format.ts';
import { useWidth } from '../../ui/width.ts';
import { type Chosen, receptiveField } from './field.ts';
import { inputName, type UnitNumbers } from './numbers.ts';
import { pixelRect, place } from './outline.ts';
import { pictureOf } from './picture.ts';
import { imagesOf, isImages, type LookRow, unitName } from './rows.ts';
import { TileCanvas } from './tile-canvas.tsx';
import { chosen, numbers, rows } from './view.ts';

/** How the unit comes about, in a sentence. */
function explanation(row: LookRow): string {
  const [inputs, h, w] = imagesOf(row.from.shape);
  const from = row.from.row === null ? 'the digit' : row.from.name;
  const { kernel = 0, stride = 1, padding = 0 } = row.window ?? {};
  switch (row.kind) {
    case 'conv':
      return `Each pixel is a sum over ${kernel} × ${kernel} pixels of ${inputs === 1 ? from : `all ${inputs} maps of ${from}`}, stride ${stride}, padding ${padding}.`;
    case 'pool':
      return `Each pixel stands for ${kernel} × ${kernel} pixels of the same map of ${from}, stride ${stride}.`;
    case 'linear':
      return `A sum over all ${inputs * h * w} numbers of ${from}, each times its weight.`;
    default:
      return `Each value is made of the one at the same place in ${from}.`;
  }
}

function Numbers({ row, now, of }: { row: LookRow; now: Chosen; of: UnitNumbers | null }) {
  const images = isImages(row.shape);
  const entries: [string, string][] = images
    ? [
        ['Largest', of ? short(of.largest) : '-'],
        ['Smallest', of ? short(of.smallest) : '-'],
        ['Above zero', of ? percent(of.above, 0) : '-'],
        [now.pixel ? `Row ${now.pixel[0] + 1}, col ${now.pixel[1] + 1}` : 'Mean', of ? short(of.at ?? of.mean) : '-'],
      ]
    : [['Value', of ? short(of.largest) : '-']];
  if (row.weight) entries.push(['Bias', of?.bias == null ? '-' : short(of.bias)]);
  return (
    <dl class="look-numbers">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Strongest({ row, of }: { row: LookRow; of: UnitNumbers }) {
  if (of.best.length === 0) return null;
  return (
    <table class="look-best">
      <caption>Strongest inputs{isImages(row.from.shape) && ' (row, column)'}: value × weight</caption>
      <tbody>
        {of.best.map(({ input, value, weight, product }) => (
          <tr key={input}>
            <th scope="row">{inputName(row, input)}</th>
            <td>
              {short(value)} × {short(weight)}
            </td>
            <td class={product > 0 ? 'plus' : 'minus'}>
              {product > 0 ? '+' : '−'}
              {short(Math.abs(product))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The part of the digit that it sees. */
function fieldText(now: Chosen): string {
  const { y0, x0, y1, x1 } = receptiveField(rows.value, now);
  return now.pixel
    ? `Sees ${y1 - y0} × ${x1 - x0} pixels of the digit (outlined).`
    : 'Point at a pixel to see its window.';
}

export function Unit() {
  const { element, width } = useWidth<HTMLDivElement>();
  const now = chosen.value;
  const row = now && rows.value[now.row];
  const unit = now?.unit ?? 0;
  const picture = useMemo(() => row && pictureOf(row, unit, Math.max(200, width)), [row, unit, width]);
  const mark = row && now?.pixel && picture?.map && pixelRect(now.pixel, picture.map, row.shape);
  return (
    <div class="look-unit">
      <div class="look-unit-inner" ref={element}>
        {row && now && picture && (
          <>
            <h3>
              {row.name}, {unitName(row, unit)}
            </h3>
            <p class="soft">
              {explanation(row)} {isImages(row.shape) && fieldText(now)}
            </p>
            <Numbers row={row} now={now} of={numbers.value} />
            <div class="look-picture" style={{ height: `${picture.height}px` }}>
              {width > 0 && (
                <TileCanvas
                  key="unit"
                  id="unit"
                  label={`${row.name}, ${unitName(row, unit)}, enlarged, with what feeds it`}
                  width={picture.width}
                  height={Math.max(1, picture.height)}
                  groups={picture.groups}
                />
              )}
              {mark && <i class="region" style={place(mark)} />}
              {picture.labels.map(({ text, x, y }) => (
                <span key={text} class="soft" style={{ left: `${x}px`, top: `${y - 14}px` }}>
                  {text}
                </span>
              ))}
            </div>
            {numbers.value && <Strongest row={row} of={numbers.value} />}
          </>
        )}
      </div>
    </div>
  );
}
