#!/usr/bin/env node
// Plain JavaScript, and nothing imported before the check: an older Node reads no TypeScript.
if (Number(process.versions.node.split(".")[0]) < 24) {
  console.error(
    `Registrywatcher needs Node 24 or newer; this is ${process.version}. In a checkout, \`npm start\` uses the right one.`
  )
  process.exit(78)
}
// What Node compiles is kept for the next start, where only those write who may change the sources.
const { enableCompileCache } = await import("node:module")
enableCompileCache(new URL("../node_modules/.cache/node", import.meta.url).pathname)
await import("./main.ts")
