export * from "./binding.js";
export { loadNative } from "./load.js";
