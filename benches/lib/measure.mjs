// Run by ../run.mjs: prints what one measure finds, as JSON; with `check`, only what is the same everywhere.
const [name, mode] = process.argv.slice(2);
const { default: measure } = await import(`../${name}.mjs`);
console.log(JSON.stringify(await measure({ isCheck: mode === 'check' })));
