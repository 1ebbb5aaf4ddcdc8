// Writes dist/registrywatcher.mjs: the service and every command in one file, for a Node 24 without node_modules.
// Not from the entry that any Node can read: an older one would not link this file, and so say no word of its own.
import { build } from "esbuild"
import { pageFiles } from "../src/server/pageFiles.ts"

// The page's files are read beside the sources; in the bundle they are part of it.
const page = {
  name: "page",
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]server[\\/]pageFiles\.ts$/ }, () => ({
      contents: `export const pageFiles = () => (${JSON.stringify(pageFiles())})`
    }))
}

await build({
  entryPoints: ["src/main.ts"],
  outfile: "dist/registrywatcher.mjs",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  legalComments: "none",
  plugins: [page],
  logLevel: "warning",
  // Packages in CommonJS (ws, semver) call `require` for Node's own modules, which a module does not have.
  banner: {
    js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);'
  }
})
