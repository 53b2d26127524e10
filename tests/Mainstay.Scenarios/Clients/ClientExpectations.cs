using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>What an official client must make of a good answer, whatever stands between it and the provider.</summary>
internal static class ClientExpectations
{
    private static readonly (string Program, string What, string Finish)[] Texts =
    [
        ("openai.mjs", "stream", "stop"), ("openai.mjs", "whole", "stop"), ("openai.mjs", "completion", "stop"), ("openai.mjs", "helper", "stop"),
        ("anthropic.mjs", "stream", "end_turn"), ("anthropic.mjs", "whole", "end_turn"),
        ("aws.mjs", "bedrockWhole", "end_turn"), ("aws.mjs", "bedrockStream", "end_turn"),
        ("aws.mjs", "sagemakerWhole", "stop"), ("aws.mjs", "sagemakerStream", "stop"), ("aws.mjs", "lambda", "stop"),
    ];

    private static readonly (string Program, string What, string Finish)[] Tools =
    [
        ("openai.mjs", "tools", "tool_calls"), ("openai.mjs", "wholeTools", "tool_calls"), ("anthropic.mjs", "tools", "tool_use"),
        ("anthropic.mjs", "wholeTools", "tool_use"), ("aws.mjs", "bedrockTools", "tool_use"),
    ];

    /// <summary>Program and what it is to do, for theories.</summary>
    public static IEnumerable<(string Program, string What)> All => Texts.Concat(Tools).Select(t => (t.Program, t.What)).Append(("openai.mjs", "embeddings"));

    public static void Assert(string program, string what, JsonElement made, string text)
    {
        var seen = $"{program} {what}: {made}";
        Xunit.Assert.False(made.TryGetProperty("error", out _), seen);
        if (what == "embeddings")
        {
            Xunit.Assert.Equal("[[0.25,-0.5,1,0.125],[0.25,-0.5,1,0.125]]", made.GetProperty("vectors").GetRawText());
            return;
        }
        var isTool = Tools.Contains((program, what, made.GetProperty("finish").GetString()!));
        Xunit.Assert.True(isTool || Texts.Contains((program, what, made.GetProperty("finish").GetString()!)), seen);
        Xunit.Assert.Equal(isTool ? "" : text, made.GetProperty("text").GetString());
        if (!isTool)
            return;
        Xunit.Assert.Equal(ProviderApi.Tool.Name, made.GetProperty("tool").GetString());
        var (wanted, got) = (JsonSerializer.Deserialize<JsonElement>(string.Concat(ProviderApi.Tool.Arguments)), JsonSerializer.Deserialize<JsonElement>(made.GetProperty("arguments").GetString()!));
        Xunit.Assert.True(JsonElement.DeepEquals(wanted, got), seen);
    }
}
