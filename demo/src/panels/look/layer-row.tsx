/** One layer: its name, its tiles, outlines of the chosen unit and of what feeds it. Imports view, tile-canvas, pure parts. */
import { useComputed } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { probabilities } from '../../state.ts';
import { percent } from '../../ui/format.ts';
import { useWidth } from '../../ui/width.ts';
import type { Chosen } from './field.ts';
import { afterKey } from './keys.ts';
import { layoutOf, type RowLayout, unitAt } from './layout.ts';
import { pixelRect, place, regionRect } from './outline.ts';
import { rowGroups } from './picture.ts';
import { imagesOf, isImages, type LookRow, unitName } from './rows.ts';
import { TileCanvas } from './tile-canvas.tsx';
import { choose, chosen, feeds } from './view.ts';

/** Outlines in a row: units that feed the chosen one, with the regions that do. */
function Feeds({ row, layout }: { row: LookRow; layout: RowLayout }) {
  if (feeds.value.row !== row.index) return null;
  const [, h, w] = imagesOf(row.shape);
  const units = new Set(feeds.value.of.map(({ unit }) => unit));
  const regions = feeds.value.of.flatMap(({ unit, region }) => {
    const rect = region && layout.units[unit] && regionRect(region, layout.units[unit], [h, w]);
    return rect ? [rect] : [];
  });
  return (
    <>
      {[...units].map((unit) => layout.units[unit] && <i key={unit} class="feed" style={place(layout.units[unit])} />)}
      {regions.map((rect, i) => (
        <i key={`region ${i}`} class="region" style={place(rect)} />
      ))}
    </>
  );
}

function Active({ row, layout, unit, id }: { row: LookRow; layout: RowLayout; unit: number; id: string }) {
  const mine = chosen.value?.row === row.index;
  const pixel = mine ? chosen.value!.pixel : null;
  const tile = layout.units[unit]!;
  const dot = pixel && pixelRect(pixel, tile, row.shape);
  return (
    <>
      {mine && layout.filters[unit] && <i class="filter" style={place(layout.filters[unit])} />}
      <div
        id={id}
        role="option"
        tabIndex={-1}
        class={mine ? 'active' : 'waiting'}
        aria-selected={mine}
        aria-posinset={unit + 1}
        aria-setsize={row.shape[0]}
        aria-label={unitName(row, unit)}
        style={place(tile)}
      />
      {dot && <i class="region" style={place(dot)} />}
    </>
  );
}

/** Digits and probabilities below the cells of the output. */
function Classes({ layout }: { layout: RowLayout }) {
  const best = probabilities.value ? Math.max(...probabilities.value) : 1;
  return (
    <>
      {layout.units.map((rect, digit) => {
        const probability = probabilities.value?.[digit];
        return (
          <span
            key={digit}
            class={probability === best ? 'class best' : 'class'}
            style={place({ ...rect, y: rect.y + rect.height + 2, height: 38 })}
          >
            <b>{digit}</b>
            <small>{probability === undefined ? '' : percent(probability, 0)}</small>
          </span>
        );
      })}
    </>
  );
}

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function seen({ shape, name, title, kind }: LookRow): string {
  const [count, h, w] = imagesOf(shape);
  const what = isImages(shape) ? `${count} maps of ${h} × ${w}` : `${count} units`;
  return `${name}, ${title}: ${what}${kind === 'conv' ? ', a filter below each' : ''}. Blue is below zero, orange above.`;
}

export function LayerRow({ row }: { row: LookRow }) {
  const { element, width } = useWidth<HTMLDivElement>();
  const layout = useMemo(() => layoutOf(row, Math.max(120, width)), [row, width]);
  const groups = useMemo(() => rowGroups(row, layout), [row, layout]);
  const last = useRef(0);
  const current = useComputed(() => (chosen.value?.row === row.index ? chosen.value : null));
  if (current.value) last.current = current.value.unit;
  const unit = Math.min(last.current, row.shape[0]! - 1);
  const optionId = `look-unit-${row.index}`;

  const point = (event: PointerEvent): void => {
    const box = element.current!.getBoundingClientRect();
    const at = unitAt(layout, row.shape, [event.clientX - box.left, event.clientY - box.top]);
    if (at) choose({ row: row.index, ...at });
  };
  const press = (event: KeyboardEvent): void => {
    const now: Chosen = current.value ?? { row: row.index, unit, pixel: null };
    const next = afterKey(event, now, { shape: row.shape, columns: layout.columns });
    if (!next) return;
    event.preventDefault();
    choose(next);
  };
  return (
    <div class={`look-row${current.value ? ' current' : ''}`}>
      <div class="look-name">
        <strong>{row.name}</strong>
        <span>{row.title}</span>
        <small>{shapeText(row.shape)}</small>
      </div>
      <div class="look-tiles" ref={element} style={{ height: `${layout.height}px` }}>
        {width > 0 && (
          <TileCanvas
            key={`${row.index} ${row.name}`}
            id={`row ${row.index} ${row.name}`}
            label={seen(row)}
            width={layout.width}
            height={layout.height}
            groups={groups}
          />
        )}
        {row.output && <Classes layout={layout} />}
        <div
          class="look-units"
          role="listbox"
          tabIndex={0}
          aria-label={`Units of ${row.name}`}
          aria-orientation="horizontal"
          aria-activedescendant={optionId}
          onPointerMove={point}
          onPointerDown={point}
          onFocus={() => current.peek() ?? choose({ row: row.index, unit, pixel: null })}
          onKeyDown={press}
        >
          <Feeds row={row} layout={layout} />
          <Active row={row} layout={layout} unit={unit} id={optionId} />
        </div>
      </div>
    </div>
  );
}
