/** Panel "Draw". */
export default function Draw() {
  return <p class="hint">Soon.</p>;
}
