/** The version of gabor, as package.json has it: a browser cannot read that. Imports nothing. */
export const VERSION = '0.1.0';
