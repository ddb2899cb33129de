// Run by ../run.mjs: prints what one measure finds, as JSON.
const { default: measure } = await import(`../${process.argv[2]}.mjs`);
console.log(JSON.stringify(await measure()));
