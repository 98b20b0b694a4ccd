/** The models with what is published about them, and sizes at which a test can train them. May import src/models. */
import {
  densenet121,
  lenet5,
  mobilenetV2,
  mobilenetV3Small,
  resnet18,
  resnet20,
  resnet34,
  resnet50,
  squeezenet1_1,
  unet,
  vgg11,
} from '../../src/models/index.ts';
import type { Model } from '../../src/nn/model.ts';

export interface ZooEntry {
  readonly make: () => Model;
  /** As torchvision's documentation has it; of the others by hand. */
  readonly parameters: number;
  /** Entries of the state_dict without num_batches_tracked. */
  readonly tensors: number;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  /** Some keys of the state_dict. */
  readonly keys: { readonly [name: string]: readonly number[] };
  /** Applications of ops and layers: shortcuts, joins, activations. */
  readonly counts: { readonly [type: string]: number };
  /** Multiplications of convolutions and linear layers in 10^9, as torchvision's documentation has them. */
  readonly gmacs?: number;
  /** For few classes at a small size, without dropout. */
  readonly small: () => Model;
}

const SMALL = { classes: 4, inputShape: [3, 32, 32], dropout: 0 } as const;
const IMAGENET = { inputShape: [3, 224, 224], outputShape: [1000] } as const;

export const ZOO: { readonly [name: string]: ZooEntry } = {
  lenet5: {
    make: lenet5,
    parameters: 61_706,
    tensors: 10,
    counts: { tanh: 4 },
    inputShape: [1, 28, 28],
    outputShape: [10],
    keys: { 'conv1.weight': [6, 1, 5, 5], 'conv2.bias': [16], 'fc1.weight': [120, 400], 'fc3.weight': [10, 84] },
    small: () => lenet5(SMALL),
  },
  vgg11: {
    ...IMAGENET,
    make: vgg11,
    parameters: 132_863_336,
    tensors: 22,
    counts: { relu: 10, dropout: 2 },
    gmacs: 7.61,
    keys: {
      'features.0.weight': [64, 3, 3, 3],
      'features.18.bias': [512],
      'classifier.0.weight': [4096, 25088],
      'classifier.3.weight': [4096, 4096],
      'classifier.6.bias': [1000],
    },
    small: () => vgg11({ ...SMALL, hidden: 64 }),
  },
  resnet18: {
    ...IMAGENET,
    make: resnet18,
    parameters: 11_689_512,
    tensors: 102,
    counts: { add: 8, relu: 17 },
    gmacs: 1.81,
    keys: {
      'conv1.weight': [64, 3, 7, 7],
      'bn1.running_mean': [64],
      'layer1.0.conv1.weight': [64, 64, 3, 3],
      'layer2.0.downsample.0.weight': [128, 64, 1, 1],
      'layer2.0.downsample.1.running_var': [128],
      'layer4.1.bn2.bias': [512],
      'fc.weight': [1000, 512],
    },
    small: () => resnet18(SMALL),
  },
  resnet34: {
    ...IMAGENET,
    make: resnet34,
    parameters: 21_797_672,
    tensors: 182,
    counts: { add: 16, relu: 33 },
    gmacs: 3.66,
    keys: { 'layer3.5.conv2.weight': [256, 256, 3, 3], 'layer4.0.downsample.0.weight': [512, 256, 1, 1] },
    small: () => resnet34(SMALL),
  },
  resnet50: {
    ...IMAGENET,
    make: resnet50,
    parameters: 25_557_032,
    tensors: 267,
    counts: { add: 16, relu: 49 },
    gmacs: 4.09,
    keys: {
      'layer1.0.downsample.0.weight': [256, 64, 1, 1],
      'layer2.0.conv2.weight': [128, 128, 3, 3],
      'layer4.2.conv3.weight': [2048, 512, 1, 1],
      'layer4.2.bn3.running_var': [2048],
      'fc.weight': [1000, 2048],
    },
    small: () => resnet50(SMALL),
  },
  resnet20: {
    make: resnet20,
    parameters: 269_722,
    tensors: 97,
    counts: { add: 9, relu: 19, slice: 2 },
    inputShape: [3, 32, 32],
    outputShape: [10],
    keys: { 'conv1.weight': [16, 3, 3, 3], 'layer2.0.conv1.weight': [32, 16, 3, 3], 'fc.weight': [10, 64] },
    small: () => resnet20({ classes: 4 }),
  },
  mobilenetV2: {
    ...IMAGENET,
    make: mobilenetV2,
    parameters: 3_504_872,
    tensors: 262,
    counts: { add: 10, relu6: 35, dropout: 1 },
    gmacs: 0.3,
    keys: {
      'features.0.0.weight': [32, 3, 3, 3],
      'features.1.conv.0.0.weight': [32, 1, 3, 3],
      'features.1.conv.1.weight': [16, 32, 1, 1],
      'features.1.conv.2.running_mean': [16],
      'features.2.conv.0.0.weight': [96, 16, 1, 1],
      'features.2.conv.1.1.weight': [96],
      'features.17.conv.2.weight': [320, 960, 1, 1],
      'features.17.conv.3.bias': [320],
      'features.18.0.weight': [1280, 320, 1, 1],
      'classifier.1.weight': [1000, 1280],
    },
    small: () => mobilenetV2(SMALL),
  },
  mobilenetV3Small: {
    ...IMAGENET,
    make: mobilenetV3Small,
    parameters: 2_542_856,
    tensors: 210,
    counts: { add: 6, mul: 9, hardswish: 19, relu: 14, hardsigmoid: 9, dropout: 1 },
    gmacs: 0.06,
    keys: {
      'features.0.0.weight': [16, 3, 3, 3],
      'features.1.block.0.0.weight': [16, 1, 3, 3],
      'features.1.block.1.fc1.weight': [8, 16, 1, 1],
      'features.1.block.1.fc2.bias': [16],
      'features.1.block.2.0.weight': [16, 16, 1, 1],
      'features.2.block.2.1.weight': [24],
      'features.4.block.1.0.weight': [96, 1, 5, 5],
      'features.4.block.2.fc1.weight': [24, 96, 1, 1],
      'features.11.block.3.0.weight': [96, 576, 1, 1],
      'features.12.1.running_var': [576],
      'classifier.0.weight': [1024, 576],
      'classifier.3.weight': [1000, 1024],
    },
    small: () => mobilenetV3Small(SMALL),
  },
  squeezenet1_1: {
    ...IMAGENET,
    make: squeezenet1_1,
    parameters: 1_235_496,
    tensors: 52,
    counts: { concat: 8, relu: 26, dropout: 1 },
    gmacs: 0.35,
    keys: {
      'features.0.weight': [64, 3, 3, 3],
      'features.3.squeeze.weight': [16, 64, 1, 1],
      'features.12.expand3x3.weight': [256, 64, 3, 3],
      'classifier.1.weight': [1000, 512, 1, 1],
    },
    small: () => squeezenet1_1(SMALL),
  },
  densenet121: {
    ...IMAGENET,
    make: densenet121,
    parameters: 7_978_856,
    tensors: 606,
    counts: { concat: 58, relu: 121 },
    gmacs: 2.83,
    keys: {
      'features.conv0.weight': [64, 3, 7, 7],
      'features.norm0.running_mean': [64],
      'features.denseblock1.denselayer1.norm1.weight': [64],
      'features.denseblock1.denselayer2.conv1.weight': [128, 96, 1, 1],
      'features.denseblock4.denselayer16.conv2.weight': [32, 128, 3, 3],
      'features.transition3.conv.weight': [512, 1024, 1, 1],
      'features.norm5.bias': [1024],
      'classifier.weight': [1000, 1024],
    },
    small: () => densenet121(SMALL),
  },
  unet: {
    make: unet,
    parameters: 31_037_698,
    tensors: 100,
    counts: { concat: 4, relu: 18 },
    inputShape: [3, 256, 256],
    outputShape: [2, 256, 256],
    keys: {
      'inc.double_conv.0.weight': [64, 3, 3, 3],
      'down4.maxpool_conv.1.double_conv.4.running_var': [1024],
      'up1.up.weight': [1024, 512, 2, 2],
      'up1.conv.double_conv.0.weight': [512, 1024, 3, 3],
      'outc.conv.bias': [2],
    },
    small: () => unet({ ...SMALL, classes: 2, width: 8 }),
  },
};
