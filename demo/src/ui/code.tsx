/** The lines of code that do in the library what a panel shows. */
export function Code({ children, title = 'The same in code' }: { children: string; title?: string }) {
  return (
    <details class="code">
      <summary>{title}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, also by keyboard */}
      <pre tabIndex={0}>
        <code>{children.trim()}</code>
      </pre>
    </details>
  );
}
