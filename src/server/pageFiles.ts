import { readFileSync } from "node:fs"

/** Of `src/web`, what a browser gets; another file of that folder is none of the page's. */
const names = [
  "page.html",
  "page.css",
  "icon.svg",
  "page.js",
  "api.js",
  "element.js",
  "leader.js",
  "listen.js",
  "ordering.js",
  "Orders.js",
  "Rollout.js",
  "Row.js",
  "words.js"
]

/**
 * The page's files by name, from wherever the service is started. In the bundle of `deploy/bundle.mjs` they stand in place
 * of this function.
 */
export const pageFiles = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    names.map((name) => [name, readFileSync(new URL(`../web/${name}`, import.meta.url), "utf8")])
  )
