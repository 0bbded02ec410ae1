package schema

import (
	"slices"
	"sync"
)

// The tables of what an account has: its extensions, queues and numbers, and the account itself, a row each as they were on a day.
// Source of all fields: RingCentral's public specification, revision of August 2026.

// extensionFields are the members of GetExtensionListInfoResponse.
var extensionFields = slices.Concat(
	[]Field{
		{Path: "id", Kind: NumericID, Class: Extensions, Note: "identifier of the extension, that of the call log's `extension_id`"},
		{Path: "uri", Kind: Text, Class: URIs, Note: "address of the extension in the API"},
		{Path: "extensionNumber", Kind: Text, Class: Extensions, Note: "short number"},
		{Path: "name", Kind: Text, Class: Names, Note: "name"},
		{Path: "type", Kind: Text, Class: Plain, Note: "User, Department (a call queue), IvrMenu and others; an open list of values"},
		{Path: "subType", Kind: Text, Class: Plain, Note: "kind within the type"},
		{Path: "status", Kind: Text, Class: Plain, Note: "Enabled, Disabled, Frozen, NotActivated, Unassigned"},
		{Path: "hidden", Kind: Boolean, Class: Plain, Note: "whether it is left out of the directory"},
		{Path: "creationTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "creation of the extension"},
		{Path: "contact.firstName", Kind: Text, Class: Names, Note: "first name"},
		{Path: "contact.lastName", Kind: Text, Class: Names, Note: "last name"},
		{Path: "contact.name", Kind: Text, Class: Names, Note: "name"},
		{Path: "contact.company", Kind: Text, Class: Names, Note: "company"},
		{Path: "contact.jobTitle", Kind: Text, Class: Names, Note: "job title"},
		{Path: "contact.email", Kind: Text, Class: Names, Note: "address for mail"},
		{Path: "contact.businessPhone", Kind: Text, Class: PhoneNumbers, Note: "phone number"},
		{Path: "contact.mobilePhone", Kind: Text, Class: PhoneNumbers, Note: "mobile number"},
		{Path: "contact.businessAddress.country", Kind: Text, Class: Locations, Note: "country"},
		{Path: "contact.businessAddress.state", Kind: Text, Class: Locations, Note: "state"},
		{Path: "contact.businessAddress.city", Kind: Text, Class: Locations, Note: "city"},
		{Path: "contact.businessAddress.street", Kind: Text, Class: Locations, Note: "street"},
		{Path: "contact.businessAddress.zip", Kind: Text, Class: Locations, Note: "postal code"},
		{Path: "contact.emailAsLoginName", Kind: Boolean, Class: Plain, Note: "whether the mail address is the login"},
		{Path: "contact.pronouncedName.type", Kind: Text, Class: Plain, Note: "how the name is spoken"},
		{Path: "contact.pronouncedName.text", Kind: Text, Class: Names, Note: "text that is spoken"},
		{Path: "contact.pronouncedName.prompt.id", Kind: ID, Class: Plain, Note: "recording of the spoken name"},
		{Path: "contact.pronouncedName.prompt.contentUri", Kind: Text, Class: URIs, Note: "address of that recording"},
		{Path: "contact.pronouncedName.prompt.contentType", Kind: Text, Class: Plain, Note: "MIME type"},
		{Path: "contact.department", Kind: Text, Class: Plain, Note: "department, as text"},
		{Path: "permissions.admin.enabled", Kind: Boolean, Class: Plain, Note: "whether an administrator"},
		{Path: "permissions.internationalCalling.enabled", Kind: Boolean, Class: Plain, Note: "whether calls abroad are allowed"},
		{Path: "profileImage.uri", Kind: Text, Class: URIs, Note: "address of the picture"},
		{Path: "profileImage.etag", Kind: Text, Class: Plain, Note: "version of the picture"},
		{Path: "profileImage.lastModified", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "last change of the picture"},
		{Path: "profileImage.contentType", Kind: Text, Class: Plain, Note: "MIME type of the picture"},
		{Path: "profileImage.scales", Kind: Array, Class: Unclassified, Note: "JSON text of a list of addresses"},
		{Path: "partnerId", Kind: ID, Class: Plain, Note: "identifier at a partner"},
		{Path: "references", Kind: Array, Class: Unclassified, Note: "JSON text of a list of references to other systems"},
		{Path: "callQueueInfo.slaGoal", Kind: Integer, Class: Plain, Unit: "%", Note: "service level that a queue aims at"},
		{Path: "callQueueInfo.slaThresholdSeconds", Kind: Integer, Class: Plain, Unit: "s", Note: "wait within which a call counts as in time"},
		{Path: "callQueueInfo.includeAbandonedCalls", Kind: Boolean, Class: Plain, Note: "whether abandoned calls count"},
		{Path: "callQueueInfo.abandonedThresholdSeconds", Kind: Integer, Class: Plain, Unit: "s", Note: "wait below which an abandoned call does not count"},
		{Path: "roles", Kind: Array, Class: Unclassified, Note: "JSON text of a list of roles"},
	},
	siteFields,
	[]Field{
		{Path: "site.uri", Kind: Text, Class: URIs, Note: "address of the site in the API"},
		{Path: "site.code", Kind: Text, Class: Plain, Note: "code of the site"},
		{Path: "assignedCountry.id", Kind: ID, Class: Plain, Note: "country"},
		{Path: "assignedCountry.uri", Kind: Text, Class: URIs, Note: "address of the country in the API"},
		{Path: "assignedCountry.isoCode", Kind: Text, Class: Plain, Note: "code of the country"},
		{Path: "assignedCountry.name", Kind: Text, Class: Plain, Note: "name of the country"},
		{Path: "costCenter.id", Kind: ID, Class: Plain, Note: "cost centre"},
		{Path: "costCenter.name", Kind: Text, Class: Plain, Note: "name of the cost centre"},
		{Path: "alertTimer", Kind: Integer, Class: Plain, Unit: "s", Note: "after which a waiting call alerts"},
	},
)

var siteFields = []Field{
	{Path: "site.id", Kind: ID, Class: Plain, Note: "site; `main-site` for the main one in some answers"},
	{Path: "site.name", Kind: Text, Class: Plain, Note: "name of the site"},
}

// callQueueFields are the members of CallQueueDetails, and the queue's members beside them.
var callQueueFields = slices.Concat(
	[]Field{
		{Path: "id", Kind: ID, Class: Extensions, Note: "extension of the queue"},
		{Path: "uri", Kind: Text, Class: URIs, Note: "address of the queue in the API"},
		{Path: "extensionNumber", Kind: Text, Class: Extensions, Note: "short number"},
		{Path: "name", Kind: Text, Class: Plain, Note: "name of the queue"},
		{Path: "status", Kind: Text, Class: Plain, Note: "Enabled, Disabled and others"},
		{Path: "subType", Kind: Text, Class: Plain, Note: "kind of queue"},
	},
	siteFields,
	[]Field{
		{Path: "serviceLevelSettings.slaGoal", Kind: Integer, Class: Plain, Unit: "%", Note: "service level that the queue aims at"},
		{Path: "serviceLevelSettings.slaThresholdSeconds", Kind: Integer, Class: Plain, Unit: "s", Note: "wait within which a call counts as in time"},
		{Path: "serviceLevelSettings.includeAbandonedCalls", Kind: Boolean, Class: Plain, Note: "whether abandoned calls count"},
		{Path: "serviceLevelSettings.abandonedThresholdSeconds", Kind: Integer, Class: Plain, Unit: "s", Note: "wait below which an abandoned call does not count"},
		{Path: "editableMemberStatus", Kind: Boolean, Class: Plain, Note: "whether members may change their status"},
		{Path: "alertTimer", Kind: Integer, Class: Plain, Unit: "s", Note: "after which a waiting call alerts"},
		{Path: "members", Kind: Structs, Class: Plain, Of: queueMemberFields, Note: "members of the queue; null where they could not be read"},
	},
)

var queueMemberFields = []Field{
	{Path: "id", Kind: NumericID, Class: Extensions, Note: "extension of the member"},
	{Path: "uri", Kind: Text, Class: URIs, Note: "address of the extension in the API"},
	{Path: "extensionNumber", Kind: Text, Class: Extensions, Note: "short number"},
}

// phoneNumberFields are the members of CompanyPhoneNumberInfo.
var phoneNumberFields = []Field{
	{Path: "id", Kind: NumericID, Class: Plain, Note: "identifier of the number"},
	{Path: "uri", Kind: Text, Class: URIs, Note: "address of the number in the API"},
	{Path: "phoneNumber", Kind: Text, Class: PhoneNumbers, Note: "the number, E.164"},
	{Path: "label", Kind: Text, Class: Names, Note: "what the company calls it"},
	{Path: "location", Kind: Text, Class: Locations, Note: "city and state"},
	{Path: "type", Kind: Text, Class: Plain, Note: "VoiceFax, FaxOnly, VoiceOnly"},
	{Path: "usageType", Kind: Text, Class: Plain, Note: "what it serves, such as MainCompanyNumber or DirectNumber; an open list of values"},
	{Path: "paymentType", Kind: Text, Class: Plain, Note: "Local, TollFree, External and others"},
	{Path: "status", Kind: Text, Class: Plain, Note: "Normal, Pending and others"},
	{Path: "activationStatus", Kind: Text, Class: Plain, Note: "Active, Inactive"},
	{Path: "primary", Kind: Boolean, Class: Plain, Note: "whether it is the primary number"},
	{Path: "vanityPattern", Kind: Text, Class: PhoneNumbers, Note: "the number as letters"},
	{Path: "callerIdName", Kind: Text, Class: Names, Note: "name that is shown with it"},
	{Path: "extension.id", Kind: NumericID, Class: Extensions, Note: "extension that it belongs to"},
	{Path: "extension.uri", Kind: Text, Class: URIs, Note: "address of the extension in the API"},
	{Path: "extension.name", Kind: Text, Class: Names, Note: "name of the extension"},
	{Path: "extension.extensionNumber", Kind: Text, Class: Extensions, Note: "short number"},
	{Path: "extension.partnerId", Kind: ID, Class: Plain, Note: "identifier at a partner"},
	{Path: "temporaryNumber.id", Kind: ID, Class: Plain, Note: "number that stands in until this one is ported"},
	{Path: "temporaryNumber.phoneNumber", Kind: Text, Class: PhoneNumbers, Note: "the same"},
	{Path: "contactCenterProvider.id", Kind: ID, Class: Plain, Note: "contact centre that it leads to"},
	{Path: "contactCenterProvider.name", Kind: Text, Class: Plain, Note: "name of the contact centre"},
}

// accountFields are the members of GetAccountInfoResponse.
var accountFields = slices.Concat(
	[]Field{
		{Path: "id", Kind: NumericID, Class: Plain, Note: "identifier of the account"},
		{Path: "uri", Kind: Text, Class: URIs, Note: "address of the account in the API"},
		{Path: "bsid", Kind: ID, Class: Plain, Note: "identifier in RingCentral's billing"},
		{Path: "mainNumber", Kind: Text, Class: PhoneNumbers, Note: "main number of the company"},
		{Path: "status", Kind: Text, Class: Plain, Note: "Initial, Confirmed, Unconfirmed, Disabled"},
		{Path: "statusInfo.reason", Kind: Text, Class: Plain, Note: "why it is disabled"},
		{Path: "statusInfo.comment", Kind: Text, Class: MessageText, Note: "comment on that"},
		{Path: "statusInfo.till", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "until when"},
		{Path: "operator.id", Kind: NumericID, Class: Extensions, Note: "extension of the operator"},
		{Path: "operator.uri", Kind: Text, Class: URIs, Note: "address of the operator in the API"},
		{Path: "operator.extensionNumber", Kind: Text, Class: Extensions, Note: "short number of the operator"},
		{Path: "operator.partnerId", Kind: ID, Class: Plain, Note: "identifier at a partner"},
		{Path: "partnerId", Kind: ID, Class: Plain, Note: "identifier at a partner"},
		{Path: "cfid", Kind: ID, Class: Plain, Note: "identifier of the configuration"},
		{Path: "setupWizardState", Kind: Text, Class: Plain, Note: "state of the set-up"},
		{Path: "federated", Kind: Boolean, Class: Plain, Note: "whether part of a federation"},
		{Path: "outboundCallPrefix", Kind: Integer, Class: Plain, Note: "digit for an outside line"},
		{Path: "signupInfo.tosAccepted", Kind: Boolean, Class: Plain, Note: "whether the terms were accepted"},
		{Path: "signupInfo.signupState", Kind: Array, Class: Unclassified, Note: "JSON text of a list of states"},
		{Path: "signupInfo.verificationReason", Kind: Text, Class: Plain, Note: "why it was verified"},
		{Path: "signupInfo.marketingAccepted", Kind: Boolean, Class: Plain, Note: "whether advertising was accepted"},
		{Path: "signupInfo.creationTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "creation of the account"},
	},
	serviceFields,
	countryFields("regionalSettings.homeCountry."),
	[]Field{
		{Path: "regionalSettings.timezone.id", Kind: ID, Class: Plain, Note: "time zone"},
		{Path: "regionalSettings.timezone.uri", Kind: Text, Class: URIs, Note: "address of the time zone in the API"},
		{Path: "regionalSettings.timezone.name", Kind: Text, Class: Plain, Note: "name of the time zone, such as US/Pacific"},
		{Path: "regionalSettings.timezone.description", Kind: Text, Class: Plain, Note: "the same in words"},
		{Path: "regionalSettings.timezone.bias", Kind: Text, Class: Plain, Unit: "min", Note: "offset from UTC, as text"},
	},
	languageFields("regionalSettings.language."),
	languageFields("regionalSettings.greetingLanguage."),
	languageFields("regionalSettings.formattingLocale."),
	[]Field{
		{Path: "regionalSettings.timeFormat", Kind: Text, Class: Plain, Note: "12h or 24h"},
		{Path: "regionalSettings.currency.id", Kind: NumericID, Class: Plain, Note: "currency of costs"},
		{Path: "regionalSettings.currency.code", Kind: Text, Class: Plain, Note: "its code"},
		{Path: "regionalSettings.currency.name", Kind: Text, Class: Plain, Note: "its name"},
		{Path: "regionalSettings.currency.symbol", Kind: Text, Class: Plain, Note: "its symbol"},
		{Path: "regionalSettings.currency.minorSymbol", Kind: Text, Class: Plain, Note: "symbol of its minor unit"},
		{Path: "limits.freeSoftPhoneLinesPerExtension", Kind: Integer, Class: Plain, Note: "limit of the account"},
		{Path: "limits.meetingSize", Kind: Integer, Class: Plain, Note: "limit of the account"},
		{Path: "limits.cloudRecordingStorage", Kind: Integer, Class: Plain, Note: "limit of the account"},
		{Path: "limits.maxMonitoredExtensionsPerUser", Kind: Integer, Class: Plain, Note: "limit of the account"},
		{Path: "limits.maxExtensionNumberLength", Kind: Integer, Class: Plain, Note: "limit of the account"},
		{Path: "limits.siteCodeLength", Kind: Integer, Class: Plain, Note: "limit of the account"},
		{Path: "limits.shortExtensionNumberLength", Kind: Integer, Class: Plain, Note: "limit of the account"},
	},
)

var serviceFields = slices.Concat(
	[]Field{
		{Path: "serviceInfo.uri", Kind: Text, Class: URIs, Note: "address of the service's description"},
		{Path: "serviceInfo.billingPlan.id", Kind: ID, Class: Plain, Note: "billing plan"},
		{Path: "serviceInfo.billingPlan.name", Kind: Text, Class: Plain, Note: "its name"},
		{Path: "serviceInfo.billingPlan.durationUnit", Kind: Text, Class: Plain, Note: "Month, Day"},
		{Path: "serviceInfo.billingPlan.duration", Kind: Integer, Class: Plain, Note: "length of the plan, in its unit"},
		{Path: "serviceInfo.billingPlan.type", Kind: Text, Class: Plain, Note: "kind of plan"},
		{Path: "serviceInfo.billingPlan.includedPhoneLines", Kind: Integer, Class: Plain, Note: "lines within the plan"},
		{Path: "serviceInfo.brand.id", Kind: ID, Class: Plain, Note: "brand"},
		{Path: "serviceInfo.brand.name", Kind: Text, Class: Plain, Note: "its name"},
		{Path: "serviceInfo.uBrand.id", Kind: ID, Class: Plain, Note: "brand within the brand"},
		{Path: "serviceInfo.uBrand.name", Kind: Text, Class: Plain, Note: "its name"},
		{Path: "serviceInfo.ubrand.id", Kind: ID, Class: Plain, Note: "the same, as the specification also spells it"},
		{Path: "serviceInfo.ubrand.name", Kind: Text, Class: Plain, Note: "its name"},
	},
	countryFields("serviceInfo.brand.homeCountry."),
	countryFields("serviceInfo.contractedCountry."),
	planFields("serviceInfo.servicePlan."),
	planFields("serviceInfo.targetServicePlan."),
)

func countryFields(path string) []Field {
	return []Field{
		{Path: path + "id", Kind: ID, Class: Plain, Note: "country"},
		{Path: path + "uri", Kind: Text, Class: URIs, Note: "address of the country in the API"},
		{Path: path + "name", Kind: Text, Class: Plain, Note: "name of the country"},
		{Path: path + "isoCode", Kind: Text, Class: Plain, Note: "code of the country"},
		{Path: path + "callingCode", Kind: ID, Class: Plain, Note: "calling code"},
	}
}

func planFields(path string) []Field {
	return []Field{
		{Path: path + "id", Kind: ID, Class: Plain, Note: "service plan"},
		{Path: path + "name", Kind: Text, Class: Plain, Note: "its name"},
		{Path: path + "edition", Kind: Text, Class: Plain, Note: "its edition"},
		{Path: path + "freemiumProductType", Kind: Text, Class: Plain, Note: "kind of free product"},
	}
}

func languageFields(path string) []Field {
	return []Field{
		{Path: path + "id", Kind: ID, Class: Plain, Note: "language"},
		{Path: path + "localeCode", Kind: Text, Class: Plain, Note: "its code"},
		{Path: path + "name", Kind: Text, Class: Plain, Note: "its name"},
	}
}

var (
	extensions = sync.OnceValue(func() *Table {
		return newTable("extensions", "One row an extension, as it was on the day.", extensionFields, "id")
	})
	callQueues = sync.OnceValue(func() *Table {
		return newTable("call_queues", "One row a call queue, as it was on the day.", callQueueFields, "id")
	})
	phoneNumbers = sync.OnceValue(func() *Table {
		return newTable("phone_numbers", "One row a number of the company, as it was on the day.", phoneNumberFields, "id")
	})
	account = sync.OnceValue(func() *Table {
		return newTable("account", "One row, as the account was on the day.", accountFields, "id")
	})
)

// CompanyExtensions is the table of extensions: one row an extension, as it was on the day.
func CompanyExtensions() *Table { return extensions() }

// CallQueues is the table of call queues, with their settings and members: one row a queue, as it was on the day.
func CallQueues() *Table { return callQueues() }

// CompanyPhoneNumbers is the table of the company's phone numbers: one row a number, as it was on the day.
func CompanyPhoneNumbers() *Table { return phoneNumbers() }

// Account is the table of the account itself: one row, as it was on the day.
func Account() *Table { return account() }
