/** The panels' parts in the worker, one line each. */
import { ConvolutionService } from '../panels/convolution/service.ts';
import { DrawService } from '../panels/draw/service.ts';
import { HealthService } from '../panels/health/service.ts';
import { LookService } from '../panels/look/service.ts';
import { MistakesService } from '../panels/mistakes/service.ts';
import { MountainService } from '../panels/mountain/service.ts';
import type { Lab } from './lab.ts';

export const servicesOf = (lab: Lab) => ({
  draw: new DrawService(lab),
  look: new LookService(lab),
  convolution: new ConvolutionService(lab),
  health: new HealthService(lab),
  mountain: new MountainService(lab),
  mistakes: new MistakesService(lab),
});
