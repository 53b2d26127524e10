using System.Collections.Immutable;
using System.Globalization;
using Mainstay.Routing;
using Mainstay.Routing.Keys;

namespace Mainstay.Control.Config;

/// <summary>Reads the keys of callers and what each may do.</summary>
/// <param name="findings">Where mistakes go.</param>
/// <param name="services">What can be asked for.</param>
internal sealed class KeyReader(Findings findings, ImmutableArray<ServiceConfig> services)
{
    private const decimal MostTokens = 1_000_000_000_000;

    private readonly string[] _models = [.. services.Select(s => s.Routing.Model).OfType<string>().Distinct()];

    /// <summary>True if a service takes any model, so that no name can be called wrong.</summary>
    private readonly bool _takesAny = services.Any(s => s.Routing is { Api: not ModelApi.Http, Model: null });

    public ImmutableArray<CallerKey> Read(Section root)
    {
        var keys = ImmutableArray.CreateBuilder<CallerKey>();
        if (root.IsEmptyList("keys"))
            root.Error("keys", "no key is named", "write at least one, or take the key out");
        foreach (var section in root.Maps("keys"))
        {
            section.Require("name", "sha256");
            var (name, hash) = (section.Name("name") ?? "", section.Text("sha256")?.ToLowerInvariant() ?? "");
            // What stands there may be the key itself: it is not repeated.
            var isHash = hash.Length == 64 && hash.All(char.IsAsciiHexDigitLower);
            if (hash.Length > 0 && !isHash)
                section.Error("sha256", "not a SHA-256 in 64 hexadecimal digits", "write what `printf %s KEY | sha256sum` prints, never the key itself");
            if (name.Length > 0 && keys.Any(k => k.Name == name))
                section.Error("name", $"another key has the name {name}", "give each its own: limits, budget and usage go by it");
            if (isHash && keys.FirstOrDefault(k => k.Sha256 == hash) is { } same)
                section.Error("sha256", $"is that of the key {same.Name} as well", "give each caller a key of its own");
            var models = section.Texts("models");
            foreach (var model in models)
                CheckModel(section, model.Line, model.Key, model.Text);
            if (section.IsEmptyList("models"))
                section.Error("models", "no model is named", "name those that it may use, or take the key out: then it may use all");
            var (limits, budget) = (section.Map("limits"), section.Map("budget"));
            keys.Add(new CallerKey
            {
                Name = name,
                Sha256 = isHash ? hash : new string('0', 64),
                Models = [.. models.Select(m => m.Text)],
                Priority = section.Choice<Priority>("priority"),
                Rate = ReadRate(limits),
                ModelRates = ReadModels(limits),
                DayTokens = (long?)Amount(budget, "tokens", "/d", isWhole: true),
                DayCost = (double?)Amount(budget, "cost", "/d", isWhole: false),
            });
        }
        WarnOfPrices(keys);
        return keys.ToImmutable();
    }

    private ImmutableArray<ModelRate> ReadModels(Section? limits)
    {
        if (limits is null)
            return [];
        var rates = ImmutableArray.CreateBuilder<ModelRate>();
        foreach (var (model, section) in limits.NamedMaps("models"))
        {
            CheckModel(section, section.Line, section.Key, model);
            rates.Add(new ModelRate(model, ReadRate(section)));
        }
        return rates.ToImmutable();
    }

    private static KeyRate ReadRate(Section? limits) =>
        new((long?)Amount(limits, "requests", "/m", isWhole: true), (long?)Amount(limits, "tokens", "/m", isWhole: true));

    private void CheckModel(Section section, int line, string key, string model)
    {
        if (!_takesAny && _models.Length > 0 && !_models.Contains(model))
            section.Report(line, key, $"no service has a model {Findings.Quote(model)}", NearestWord.Cure(model, _models, $"write one of: {string.Join(", ", _models.Take(20))}"));
    }

    /// <summary>A number with k or M and what it is for, such as 100k/m.</summary>
    private static decimal? Amount(Section? section, string name, string per, bool isWhole)
    {
        if (section?.Text(name) is not { } text)
            return null;
        var number = text.EndsWith(per, StringComparison.Ordinal) ? text[..^per.Length] : "";
        var times = number.Length == 0 ? 1 : number[^1] switch
        {
            'k' => 1_000m,
            'M' => 1_000_000m,
            'G' => 1_000_000_000m,
            _ => 1m,
        };
        if (times > 1)
            number = number[..^1];
        if (decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value is > 0 and <= MostTokens
            && value * times <= MostTokens && (!isWhole || value * times == decimal.Truncate(value * times)))
            return value * times;
        var unit = ConfigKeys.Find(ConfigKeys.Join(per == "/d" ? "keys[].budget" : "keys[].limits", name))!.Unit.Text;
        section.Error(name, $"{Findings.Quote(text)} is not a number {(per == "/d" ? "a day" : "a minute")}", $"write {unit}");
        return null;
    }

    private void WarnOfPrices(IEnumerable<CallerKey> keys)
    {
        if (findings.HasErrors || !keys.Any(k => k.DayCost is not null))
            return;
        var unknown = services.Where(s => s.Routing.Api != ModelApi.Http).SelectMany(s => s.Routing.Servers).Where(s => s.Ai?.PromptPrice is null).ToList();
        if (unknown.Count > 0)
            findings.Warn($"keys: a budget of cost is given, and {unknown.Count} servers have no price, such as {unknown[0].Name}: what they do counts as free.");
    }
}
