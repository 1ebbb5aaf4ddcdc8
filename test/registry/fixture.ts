import { readFileSync } from "node:fs"

/** A file of test vectors, `test/fixtures/registry/<name>.json`. */
export const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/registry/${name}.json`, import.meta.url), "utf8"))
