/** The panels in their order on the page, each loaded when it is needed. */
import type { ComponentType } from 'preact';

export interface PanelEntry {
  /** Of its section, for links. */
  readonly id: string;
  /** In the navigation and as heading. */
  readonly title: string;
  load(): Promise<{ readonly default: ComponentType }>;
}

export const PANELS: readonly PanelEntry[] = [
  { id: 'train', title: 'Train', load: () => import('./train/train.tsx') },
  { id: 'draw', title: 'Draw', load: () => import('./draw/draw.tsx') },
  { id: 'look', title: 'Look inside', load: () => import('./look/look.tsx') },
  { id: 'convolution', title: 'Convolution', load: () => import('./convolution/convolution.tsx') },
  { id: 'health', title: 'Health', load: () => import('./health/health.tsx') },
  { id: 'mountain', title: 'The mountain', load: () => import('./mountain/mountain.tsx') },
  { id: 'mistakes', title: 'Mistakes', load: () => import('./mistakes/mistakes.tsx') },
  { id: 'keep', title: 'Keep', load: () => import('./keep/keep.tsx') },
];
