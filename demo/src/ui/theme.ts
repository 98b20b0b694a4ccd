/** Colours for canvases and charts, from the style sheet, so that they follow light and dark. */
import { signal } from '@preact/signals';

/** Grows when the visitor's system changes between light and dark. */
export const themeChanges = signal(0);

const dark = matchMedia('(prefers-color-scheme: dark)');
dark.addEventListener('change', () => themeChanges.value++);

export const isDark = (): boolean => {
  void themeChanges.value;
  return dark.matches;
};

/** A custom property of the style sheet as a colour that canvases understand: `--train`, `--test`, `--ink`, ... */
export function colorOf(name: `--${string}`): string {
  void themeChanges.value;
  const probe = document.createElement('span');
  probe.className = 'color-probe';
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
