namespace Mainstay.Scenarios;

/// <summary>A test with a provider's official client for Node.js; skipped, with the reason, where Node.js or the packages are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NodeTheoryAttribute : TheoryAttribute
{
    public NodeTheoryAttribute() => Skip = NodeClient.Missing!;
}

/// <summary>As <see cref="NodeTheoryAttribute"/>, for one case.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NodeFactAttribute : FactAttribute
{
    public NodeFactAttribute() => Skip = NodeClient.Missing!;
}
