/** The worker: the lab and the panels' services behind one door. Imports lab, services, comlink. */
import { expose } from 'comlink';
import { Lab } from './lab.ts';
import { servicesOf } from './services.ts';

const lab = new Lab();
const services = servicesOf(lab);
lab.use(Object.values(services));

/** What the page may call: the lab's own methods, and `panels` with a service each. */
const api = {
  subscribe: lab.subscribe.bind(lab),
  open: lab.open.bind(lab),
  configure: lab.configure.bind(lab),
  start: lab.start.bind(lab),
  pause: lab.pause.bind(lab),
  step: lab.step.bind(lab),
  reset: lab.reset.bind(lab),
  predict: lab.predict.bind(lab),
  save: lab.save.bind(lab),
  load: lab.load.bind(lab),
  loseDevice: lab.loseDevice.bind(lab),
  testImage: (index: number): { pixels: Uint8Array<ArrayBuffer>; label: number } => lab.testImage(index),
  panels: services,
};

export type LabApi = typeof api;

expose(api);
