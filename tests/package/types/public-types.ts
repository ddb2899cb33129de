import { relative, sep } from 'node:path';
import ts from 'typescript';

/** What users of an entry see. Declarations are without comments and names of files, so that chunks do not matter. */
export interface PublicTypes {
  exported: Map<string, string>;
  /** What these mention and the entry does not export. */
  mentioned: Map<string, string>;
  /** Where somebody wrote `any`, as `Declaration.member`. */
  anys: string[];
  /** What is `any` though nobody wrote it, comes from elsewhere, or is not found. */
  problems: string[];
}

/** The types as a reviewer reads them; what the main entry exports just so is only named. */
export function written({ exported, mentioned }: PublicTypes, main?: PublicTypes): string {
  const isOfMain = ([name, text]: [string, string]) => main?.exported.get(name) === text;
  const all = [...exported, ...mentioned];
  const shared = all.filter(isOfMain).map(([name]) => name);
  const texts = (some: Map<string, string>) =>
    [...some].filter((each) => !isOfMain(each)).map(([, text]) => text);
  const others = texts(mentioned);
  const parts = texts(exported);
  if (others.length > 0) parts.push('// Not exported, but mentioned:', ...others);
  if (shared.length > 0) parts.push(`// As the main entry exports them:\n// ${shared.sort().join('\n// ')}`);
  return `${parts.join('\n\n')}\n`;
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: [],
  strict: true,
  noEmit: true,
};

/** Reads the types of entries that belong to the package in `folder`, by the path of their declaration file. */
export function publicTypesOf(folder: string, files: string[]): Map<string, PublicTypes> {
  const program = ts.createProgram(files, options);
  return new Map(files.map((file) => [file, new Entry(program, folder, file).read()]));
}

class Entry {
  readonly #checker: ts.TypeChecker;
  readonly #printer = ts.createPrinter({ removeComments: true });
  readonly #exported: [name: string, symbol: ts.Symbol][];
  readonly #reached = new Set<ts.Symbol>();
  readonly #anys = new Set<string>();
  readonly #problems = new Set<string>();

  constructor(
    readonly program: ts.Program,
    readonly folder: string,
    file: string,
  ) {
    this.#checker = program.getTypeChecker();
    const source = program.getSourceFile(file);
    const module = source && this.#checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`${file} is no module`);
    this.#exported = this.#checker
      .getExportsOfModule(module)
      .map((symbol): [string, ts.Symbol] => [symbol.name, this.#resolved(symbol)]);
    this.#exported.sort(byName);
  }

  read(): PublicTypes {
    for (const [name, symbol] of this.#exported) this.#reach(symbol, name);
    for (const file of this.#filesReached()) this.#checkImports(file);
    const exported = new Set(this.#exported.map(([, symbol]) => symbol));
    const others = [...this.#reached].filter((symbol) => !exported.has(symbol));
    const mentioned = others.map((symbol): [string, ts.Symbol] => [symbol.name, symbol]).sort(byName);
    const printed = (some: [string, ts.Symbol][]) =>
      new Map(some.map(([name, symbol]) => [name, this.#print(symbol, name)]));
    return {
      exported: printed(this.#exported),
      mentioned: printed(mentioned),
      anys: [...this.#anys].sort(),
      problems: [...this.#problems].sort(),
    };
  }

  #resolved(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  #isOurs(file: ts.SourceFile): boolean {
    const path = relative(this.folder, file.fileName);
    return !path.startsWith('..') && !path.split(sep).includes('node_modules');
  }

  #reach(symbol: ts.Symbol, from: string): void {
    if (this.#reached.has(symbol)) return;
    const declarations = symbol.declarations ?? [];
    if (declarations.length === 0) {
      if (symbol.name !== 'globalThis') this.#problems.add(`${from}: '${symbol.name}' is not found`);
      return;
    }
    const ours = declarations.filter((declaration) => this.#isOurs(declaration.getSourceFile()));
    if (ours.length === 0) {
      const foreign = declarations.find(
        (declaration) => !this.program.isSourceFileDefaultLibrary(declaration.getSourceFile()),
      );
      // Whoever has components has React's types.
      if (foreign && !/\/@types\/react\//.test(foreign.getSourceFile().fileName))
        this.#problems.add(`${from}: '${symbol.name}' is from outside of the package`);
      return;
    }
    // Type parameters and members are read with what declares them.
    if (!ours.some(isTopLevel)) return;
    this.#reached.add(symbol);
    for (const declaration of ours) this.#visit(declaration, symbol.name);
  }

  #visit(node: ts.Node, path: string): void {
    const named = (node as ts.NamedDeclaration).name;
    const member = ts.isIndexSignatureDeclaration(node) ? '[]' : named && `.${named.getText()}`;
    const here = member && !isTopLevel(node) && !ts.isTypeNode(node) ? path + member : path;
    if (node.kind === ts.SyntaxKind.AnyKeyword) this.#anys.add(here);
    else if (ts.isTypeNode(node)) this.#checkTypeNode(node, here);
    else if (isUntyped(node)) this.#checkUntyped(node, here);
    if (ts.isIdentifier(node)) this.#follow(node, here);
    ts.forEachChild(node, (child) => this.#visit(child, here));
  }

  #checkTypeNode(node: ts.TypeNode, path: string): void {
    const type = this.#checker.getTypeFromTypeNode(node);
    if (!(type.flags & ts.TypeFlags.Any)) return;
    const written =
      ts.isTypeReferenceNode(node) && this.#checker.getSymbolAtLocation(node.typeName) !== undefined
        ? this.#resolved(this.#checker.getSymbolAtLocation(node.typeName) as ts.Symbol)
        : undefined;
    // A name for `any` counts once, where it is declared.
    const alias = written?.declarations?.find(ts.isTypeAliasDeclaration);
    if (alias?.type.kind === ts.SyntaxKind.AnyKeyword) return;
    // A base class is a value, not a type.
    const base = ts.isExpressionWithTypeArguments(node) && this.#checker.getTypeAtLocation(node.expression);
    if (base && !(base.flags & ts.TypeFlags.Any)) return;
    if (ts.isTypePredicateNode(node) || ts.isNamedTupleMember(node)) return;
    // A piece of a template: the type in it is a node of its own.
    if (ts.isTemplateLiteralTypeSpan(node)) return;
    this.#problems.add(`${path}: '${node.getText()}' is any`);
  }

  #checkUntyped(node: ts.Node, path: string): void {
    const type = this.#checker.getTypeAtLocation(node);
    if (type.flags & ts.TypeFlags.Any) this.#problems.add(`${path}: is any, for want of a type`);
    const [signature] = type.getCallSignatures();
    if (ts.isFunctionLike(node) && signature && signature.getReturnType().flags & ts.TypeFlags.Any) {
      this.#problems.add(`${path}: returns any, for want of a type`);
    }
  }

  #follow(node: ts.Identifier, path: string): void {
    const symbol = this.#checker.getSymbolAtLocation(node);
    if (symbol !== undefined) this.#reach(this.#resolved(symbol), path);
  }

  #filesReached(): Set<ts.SourceFile> {
    const declarations = [...this.#reached].flatMap((symbol) => symbol.declarations ?? []);
    return new Set(declarations.map((each) => each.getSourceFile()).filter((file) => this.#isOurs(file)));
  }

  #checkImports(file: ts.SourceFile): void {
    for (const { fileName } of [...file.typeReferenceDirectives, ...file.libReferenceDirectives]) {
      this.#problems.add(`the types refer to the library '${fileName}'`);
    }
    const visit = (node: ts.Node): void => {
      const specifier =
        ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
          ? node.moduleSpecifier
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined;
      const isOfReact = specifier && ts.isStringLiteral(specifier) && specifier.text === 'react';
      if (specifier && ts.isStringLiteral(specifier) && !specifier.text.startsWith('.') && !isOfReact) {
        this.#problems.add(`the types import '${specifier.text}'`);
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
  }

  #print(symbol: ts.Symbol, exportedAs: string): string {
    const printed = (symbol.declarations ?? [])
      .filter((each) => this.#isOurs(each.getSourceFile()))
      .map((declaration) => {
        const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
        const text = this.#printer.printNode(ts.EmitHint.Unspecified, node, declaration.getSourceFile());
        return text.replace(/^(export )?(declare )?/, '');
      });
    const renamed = exportedAs === symbol.name ? [] : [`// exported as ${exportedAs}`];
    return [...renamed, ...printed].join('\n');
  }
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isTopLevel(node: ts.Node): boolean {
  const holder = ts.isVariableDeclaration(node) ? node.parent.parent.parent : node.parent;
  return holder !== undefined && ts.isSourceFile(holder);
}

function isUntyped(node: ts.Node): boolean {
  const declares =
    ts.isPropertySignature(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isMethodSignature(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isFunctionDeclaration(node);
  return declares && node.type === undefined;
}
