/** Panel "Keep": download, open, what this browser keeps, a link. Imports state, keeping, ui. */
import { useSignal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { configToHash } from '../../engine/config.ts';
import { forget, keptStep } from '../../keeping.ts';
import { attempt, config, lab, model, progress, ready, setConfig } from '../../state.ts';
import { Code } from '../../ui/code.tsx';
import { whole } from '../../ui/format.ts';
import './keep.css';

const CODE = `
await gabor.saveFile('model.safetensors', await trainer.save());
// later, here or there
const bytes = await gabor.readFileBytes('model.safetensors');
trainer.load(bytes);                              // weights, optimizer, position
await trainer.fit(train, { epochs: 5, resume: true });
// or only to use it
const session = gabor.createSession(device, bytes);
// on the command line
// npm run gabor -- evaluate model.safetensors`;

function Download() {
  const save = async (): Promise<void> => {
    const bytes = await lab.save();
    const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `gabor-${model.peek()!.config.network}-step${progress.peek()?.step ?? 0}.safetensors`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return (
    <div>
      <h3>Download</h3>
      <p>
        Weights, optimizer state and position as <code>.safetensors</code>, the same file that the command line writes
        and reads.
      </p>
      <button type="button" disabled={!ready.value} onClick={() => attempt(save)}>
        Download the network
      </button>
    </div>
  );
}

function Open() {
  const [over, setOver] = useState(false);
  const told = useSignal<string | null>(null);
  const open = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    told.value = null;
    await attempt(async () => {
      const { config: opened, note } = await lab.load(new Uint8Array(await file.arrayBuffer()));
      setConfig(opened);
      told.value = `${file.name} is open. ${note ?? 'Start goes on where it was.'}`;
    });
  };
  return (
    <div>
      <h3>Open</h3>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the file field inside does the same by keyboard */}
      <div
        class={`drop ${over ? 'over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void open(event.dataTransfer?.files[0]);
        }}
      >
        <label>
          A <code>.safetensors</code> file of this page or of <code>npm start</code>; choose it, or drop it here{' '}
          <input
            type="file"
            accept=".safetensors"
            disabled={!ready.value}
            onChange={({ currentTarget }) => open(currentTarget.files?.[0])}
          />
        </label>
      </div>
      {told.value && <p role="status">{told.value}</p>}
    </div>
  );
}

function Kept() {
  const step = keptStep.value;
  return (
    <div>
      <h3>Reload</h3>
      <p>
        {step === null
          ? 'This browser keeps nothing yet. It will while the network trains, so that a reload goes on where it was.'
          : `This browser keeps the network as of step ${whole(step)}, with its charts: a reload goes on from there. It never leaves this browser.`}
      </p>
      <button type="button" disabled={step === null} onClick={() => forget()}>
        Forget it
      </button>
    </div>
  );
}

function Link() {
  const [copied, setCopied] = useState(false);
  const hash = configToHash(config.value);
  const url = `${location.origin}${location.pathname}${hash && `#${hash}`}`;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(url);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div>
      <h3>Share</h3>
      <p>A link to this network and how it is trained, without its weights:</p>
      <p class="link">{url}</p>
      <button type="button" onClick={() => attempt(copy)}>
        {copied ? 'Copied' : 'Copy the link'}
      </button>
    </div>
  );
}

export default function Keep() {
  return (
    <>
      <p class="lead">Take the network with you, bring one back, or send somebody the same experiment.</p>
      <div class="keep-grid">
        <Download />
        <Open />
        <Kept />
        <Link />
      </div>
      <Code>{CODE}</Code>
    </>
  );
}
