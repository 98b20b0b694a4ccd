/** Whether a panel is on the screen: those that are not should compute nothing. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

export const Visible = createContext(false);

export const useVisible = (): boolean => useContext(Visible);
