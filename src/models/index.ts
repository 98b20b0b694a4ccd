/** The models that `gabor/models` exports, with torchvision's parameter names and initialisation. */
export { densenet121 } from './densenet.ts';
export { lenet5 } from './lenet.ts';
export { type MobileNetOptions, mobilenetV2, mobilenetV3Small } from './mobilenet.ts';
export type { DropoutOptions, ImageModelOptions } from './parts.ts';
export { resnet18, resnet20, resnet34, resnet50 } from './resnet.ts';
export { type SqueezeNetOptions, squeezenet1_1 } from './squeezenet.ts';
export { type UnetOptions, unet } from './unet.ts';
export { type VggOptions, vgg11 } from './vgg.ts';
