/** Said with `--quick`: the program is to show that it runs, and nobody reads its figures. */
export const quick = process.argv.includes("--quick")
