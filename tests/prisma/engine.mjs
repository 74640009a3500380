// Run commands of a Prisma schema engine, without Prisma's command line.
// Usage: node engine.mjs PACKAGES ENGINE; stdin: {"connection", "commands": [{"name", "schema", ...}]}; stdout: an answer each.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , packages, name] = process.argv;
const modules = path.join(packages, 'node_modules');
const { connection, commands } = JSON.parse(fs.readFileSync(0, 'utf8'));
const load = (file) => import(pathToFileURL(file));

// The adapter knows neither "char" nor name, which the engines read from the catalog.
const adapter = path.join(modules, '@prisma/adapter-pg/dist');
const known = 'case ScalarColumnType.BPCHAR:';
const text = fs.readFileSync(path.join(adapter, 'index.mjs'), 'utf8');
if (!text.includes(known)) throw new Error(`another adapter: ${known} is not in it`);
const patched = path.join(adapter, `patched-${process.pid}.mjs`);
fs.writeFileSync(
  patched,
  text.replace(known, `case 18: return ColumnTypeEnum.Character;\n case 19: return ColumnTypeEnum.Text;\n ${known}`),
);
const { PrismaPg } = await load(patched).finally(() => fs.unlinkSync(patched));
const { bindMigrationAwareSqlAdapterFactory } = await load(
  path.join(modules, '@prisma/driver-adapter-utils/dist/index.mjs'),
);

const folder = path.join(modules, name);
const glue = await load(path.join(folder, 'schema_engine_bg.js'));
const module = new WebAssembly.Module(fs.readFileSync(path.join(folder, 'schema_engine_bg.wasm')));
const instance = new WebAssembly.Instance(module, { './schema_engine_bg.js': glue });
glue.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();

const filters = { externalTables: [], externalEnums: [] };

async function run(engine, { name, schema, migration }) {
  const files = [{ path: 'schema.prisma', content: schema }];
  const migrationsList = {
    baseDir: 'migrations',
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: [
      { path: '20200101000000_init', migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: migration } } },
    ],
  };
  switch (name) {
    case 'deploy':
      return await engine.applyMigrations({ migrationsList, filters });
    case 'dev':
      return [
        await engine.devDiagnostic({ migrationsList, filters }),
        await engine.createMigration({ migrationName: 'next', draft: false, schema: { files }, migrationsList, filters }),
      ];
    case 'diff': {
      const from = { tag: 'schemaDatasource', files, configDir: '.' };
      const to = { tag: 'schemaDatamodel', files };
      return await engine.diff({ from, to, script: true, shadowDatabaseUrl: null, exitCode: null, filters });
    }
    case 'push':
      return await engine.schemaPush({ force: false, schema: { files }, filters });
    case 'pull':
      return await engine.introspect({
        schema: { files }, baseDirectoryPath: '.', force: false, compositeTypeDepth: 0, namespaces: null,
        includeViews: false,
      });
    case 'reset':
      return (await engine.reset({ filter: filters })) ?? null;
  }
}

const answers = [];
for (const command of commands) {
  const postgres = new PrismaPg(connection);
  // The adapter's own drops its shadow database while still connected.
  postgres.connectToShadowDb = async () => {
    const shadow = await new PrismaPg({ ...connection, database: `${connection.database}_shadow` }).connect();
    await shadow.executeScript('drop schema public cascade; create schema public');
    return shadow;
  };
  const factory = bindMigrationAwareSqlAdapterFactory(postgres);
  const engine = await glue.SchemaEngine.new({ datamodels: [['schema.prisma', command.schema]] }, () => {}, factory);
  try {
    answers.push({ answer: await run(engine, command) });
  } catch (error) {
    answers.push({ error: String(error?.message ?? error) });
  }
}
fs.writeSync(1, JSON.stringify(answers));
process.exit(0);
