import { relative } from 'node:path';
import ts from 'typescript';

/**
 * Fields, methods and events of the public types that show nothing when a pointer rests on them, as `Type.field`. What
 * is documented nowhere counts where it is declared.
 */
export function undocumentedIn(folder: string, files: string[]): string[] {
  const program = ts.createProgram(files, { skipLibCheck: true, types: [], noResolve: false });
  const checker = program.getTypeChecker();
  const missing = new Set<string>();
  const own = (node: ts.Node) => !relative(folder, node.getSourceFile().fileName).startsWith('..');
  const look = (node: ts.Node, within: string): void => {
    const named =
      ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isClassDeclaration(node);
    const inside = named ? (node.name?.text ?? within) : within;
    const isMember =
      ts.isPropertySignature(node) ||
      ts.isMethodSignature(node) ||
      ts.isPropertyDeclaration(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isGetAccessor(node);
    if (isMember && !isHidden(node)) {
      const symbol = checker.getSymbolAtLocation(node.name);
      const said = symbol?.getDocumentationComment(checker) ?? [];
      const name = `${inside}.${node.name.getText()}`;
      if (ts.displayPartsToString(said).trim() === '') missing.add(name);
      ts.forEachChild(node, (child) => look(child, name));
      return;
    }
    ts.forEachChild(node, (child) => look(child, inside));
  };
  for (const file of program.getSourceFiles()) {
    if (own(file)) look(file, '');
  }
  return [...missing].sort();
}

function isHidden(node: ts.Declaration): boolean {
  const flags = ts.getCombinedModifierFlags(node);
  return (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0;
}
