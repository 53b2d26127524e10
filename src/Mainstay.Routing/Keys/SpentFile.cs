using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;

namespace Mainstay.Routing.Keys;

/// <summary>Keeps on disk what every key used today, so that a budget survives a restart: written once a second where it changed.</summary>
/// <param name="path">Where.</param>
/// <param name="keys">What is kept.</param>
public sealed partial class SpentFile(string path, LiveKeys keys, TimeProvider clock, ILogger<SpentFile> log)
{
    public const string Name = "spent.json";

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private SpentToday? _written;
    private bool _isTold;

    /// <summary>Goes on with what stands there. What cannot be read counts as nothing used, and the log says so.</summary>
    public void Restore()
    {
        try
        {
            if (!File.Exists(path))
                return;
            using var file = File.OpenRead(path);
            if (JsonSerializer.Deserialize(file, SpentJson.Default.SpentToday) is { Keys.IsDefault: false } spent && spent.Keys.All(k => k?.Name is not null))
                keys.Restore(spent);
            else
                LogUnreadable(path, "a part of it is missing");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or NotSupportedException)
        {
            LogUnreadable(path, e.Message);
        }
    }

    /// <summary>Writes until cancelled, and once more then.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Every, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel))
                Write();
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            Write();
        }
    }

    /// <summary>Writes what changed. A disk that refuses is tried again.</summary>
    public void Write()
    {
        var spent = keys.Spent();
        if (_written is null ? spent.Keys.IsEmpty : _written.Day == spent.Day && _written.Keys.SequenceEqual(spent.Keys))
            return;
        try
        {
            WholeFile.Write(path, spent, SpentJson.Default.SpentToday);
            (_written, _isTold) = (spent, false);
        }
        catch (IOException e)
        {
            if (!_isTold)
                LogNotWritten(path, e.Message);
            _isTold = true;
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Path} cannot be read: {Why}. The budgets of today begin anew.")]
    private partial void LogUnreadable(string path, string why);

    [LoggerMessage(LogLevel.Warning, "{Path} cannot be written: {Why}. Until it can, a restart begins the budgets of the day anew.")]
    private partial void LogNotWritten(string path, string why);
}

/// <summary>What the keys used on a day of UTC.</summary>
internal sealed record SpentToday(DateOnly Day, ImmutableArray<KeySpent> Keys);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SpentToday))]
internal sealed partial class SpentJson : JsonSerializerContext;
